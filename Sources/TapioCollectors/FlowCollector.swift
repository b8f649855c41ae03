import Glibc
import TapioBPF
import TapioEvents
import TapioKernel

/// Counts what arrives at chosen interfaces, by who talks to whom.
public enum FlowCollector {
    static let name = "flow"

    /// At which interfaces, by name.
    public static let interfaces = CollectorOption(
        "interfaces",
        of: .text,
        most: 64,
        default: [],
        "Interfaces of the agent's network namespace at which packets are counted; looked for once per window."
    )

    /// Where on their way packets are counted.
    public static let mode = CollectorOption.choice(
        "mode",
        ["auto", "native", "generic", "offload"],
        default: "auto",
        "Where packets are counted: in the driver (native), in the kernel (generic), in the card; auto: the first that works of driver and kernel."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "Packets and bytes that arrive at chosen interfaces, by addresses, ports and protocol (XDP).",
        schemas: [flow],
        options: [interfaces, mode, .window],
        tracepoints: [],
        unmetNeeds: { [.networkAdministration].compactMap(\.self) + FlowInterfaces.unmetNeeds($0) },
        isOnByDefault: false,
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, _) throws(KernelError) in
            var status = stat()
            let isKnown = unsafe stat("/proc/self/ns/net", &status) == 0
            try object.setConstant("netns", isKnown ? UInt32(truncatingIfNeeded: status.st_ino) : 0)
        },
        windows: ["flows"],
        makePoller: { FlowInterfaces(options: $0) }
    )

    private static let flow = EventSchema(
        EventKind(Int(TAPIO_KIND_FLOW)),
        "flow",
        collector: name,
        priority: .low,
        record: tapio_flow.self,
        "Packets arrived at an interface. They are merged in the kernel; when there are too many flows, the rest are told one by one.",
        fields: [
            Field(
                Column(3328, "flow_direction", .string, "Which way the packets went at the interface: ingress."),
                .symbol(at: offset(\tapio_flow.direction), names: ["ingress"])
            ),
            Field(.sourceAddress, .ipAddress(at: offset(\tapio_flow.src_addr)), absent: .zero),
            Field(.destinationAddress, .ipAddress(at: offset(\tapio_flow.dst_addr)), absent: .zero),
            Field(.sourcePort, .uint16(at: offset(\tapio_flow.src_port)), absent: .zero),
            Field(.destinationPort, .uint16(at: offset(\tapio_flow.dst_port)), absent: .zero),
            Field(
                .protocolName,
                .code(at: offset(\tapio_flow.protocol), names: InternetProtocol.names),
                absent: .allOnes
            ),
            Field(.etherType, .uint32(at: offset(\tapio_flow.ether_type)), absent: .zero),
            Field(.device, .paddedString(at: offset(\tapio_flow.device), count: 16), absent: .zero),
            Field(.interfaceIndex, .uint32(at: offset(\tapio_flow.interface)), absent: .zero),
            Field(.networkNamespace, .uint32(at: offset(\tapio_flow.netns)), absent: .zero),
            Field(.packetBytes, .uint64(at: offset(\tapio_flow.bytes))),
        ],
        aggregation: Aggregation(
            by: [
                "cgroup_id", "uid", "flow_direction", "src_addr", "dst_addr", "src_port", "dst_port", "protocol",
                "ether_type", "device", "interface_index", "netns",
            ],
            measure: "packet_bytes",
            isInKernel: true
        )
    )
}
