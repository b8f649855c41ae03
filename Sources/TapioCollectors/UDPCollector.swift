import TapioBPF
import TapioEvents
import TapioKernel

/// Counts datagrams, by socket and peer.
public enum UDPCollector {
    static let name = "udp"

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "UDP: datagrams and bytes that were sent and received, by socket and peer, with the process.",
        schemas: [flow],
        options: [.window],
        tracepoints: [],
        unmetNeeds: { _ in [.networkAdministration, .unifiedCgroups].compactMap(\.self) },
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        attach: { (object) throws(KernelError) in
            let root = try CgroupTree.unifiedRoot()
            for program in ["udp_made", "udp_sent", "udp_received"] { try object.attach(program, toCgroup: root) }
        },
        windows: ["datagrams"]
    )

    private static let flow = EventSchema(
        EventKind(Int(TAPIO_KIND_UDP_FLOW)),
        "udp_flow",
        collector: name,
        priority: .low,
        record: tapio_udp.self,
        "A socket sent datagrams to a peer, or got some. They are merged in the kernel; when there are too many peers, the rest are told one by one.",
        fields: [
            Field(
                Column(
                    528,
                    "datagram_direction",
                    .string,
                    "outbound was sent; inbound came to the socket, though it may have had no room."
                ),
                .symbol(at: offset(\tapio_udp.direction), names: ["", "outbound", "inbound"])
            ),
            Field(.sourceAddress, .ipAddress(at: offset(\tapio_udp.src_addr))),
            Field(.destinationAddress, .ipAddress(at: offset(\tapio_udp.dst_addr))),
            Field(.sourcePort, .uint16(at: offset(\tapio_udp.src_port))),
            Field(.destinationPort, .uint16(at: offset(\tapio_udp.dst_port))),
            Field(.ipVersion, .uint8(at: offset(\tapio_udp.ip_version))),
            Field(.networkNamespace, .uint32(at: offset(\tapio_udp.netns)), absent: .zero),
            Field(.socketCookie, .uint64(at: offset(\tapio_udp.socket_cookie))),
            Field(
                Column(
                    529,
                    "datagram_bytes",
                    .int64,
                    unit: .bytes,
                    "Payload; several datagrams that the network card is left to cut apart, or has put together, are one."
                ),
                .uint64(at: offset(\tapio_udp.bytes))
            ),
        ],
        aggregation: Aggregation(
            by: [
                "cgroup_id", "uid", "pid", "ppid", "comm", "datagram_direction", "src_addr", "dst_addr", "src_port",
                "dst_port", "ip_version", "netns", "socket_cookie",
            ],
            measure: "datagram_bytes",
            isInKernel: true
        ),
        // Nobody opens anything here: what comes in may come from a service.
        remote: RemoteEnd(
            address: offset(\tapio_udp.dst_addr),
            port: offset(\tapio_udp.dst_port),
            networkNamespace: offset(\tapio_udp.netns),
            transport: .always(InternetProtocol.udp)
        )
    )
}
