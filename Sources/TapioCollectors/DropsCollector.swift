import TapioBPF
import TapioEvents
import TapioKernel

/// Watches packets that the kernel drops, with its own reason.
public enum DropsCollector {
    static let name = "drops"

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Packets that the kernel dropped, by its reason, device and protocol: the first at once, then how many.",
        schemas: [drop],
        options: [.window],
        tracepoints: [Tracepoint(raw: "kfree_skb")],
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            try object.setConstant("reason_names", bytes: reasonNames(catalog))
        },
        windows: ["drops"]
    )

    /// As many reasons, and bytes of a name, as the program has places for.
    private static let reasons = 256
    private static let nameBytes = 40

    /// The kernel's names of its reasons, NUL-padded, one behind the other.
    private static func reasonNames(_ catalog: TracepointCatalog) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: reasons * nameBytes)
        for (number, name) in catalog.names(ofEnumeration: "skb_drop_reason", limit: reasons) {
            let prefix = "SKB_DROP_REASON_"
            let short = name.hasPrefix(prefix) ? name.dropFirst(prefix.count) : name[...]
            for (place, byte) in short.utf8.prefix(nameBytes - 1).enumerated() {
                bytes[number * nameBytes + place] = byte
            }
        }
        return bytes
    }

    private static let drop = EventSchema(
        EventKind(Int(TAPIO_KIND_PACKET_DROP)),
        "packet_drop",
        collector: name,
        priority: .normal,
        record: tapio_drop.self,
        "The kernel dropped a packet. The first of its sort in a window is an event, the others are merged in the kernel.",
        fields: [
            Field(
                Column(1024, "drop_reason", .string, "The kernel's reason (skb_drop_reason)."),
                .paddedString(at: offset(\tapio_drop.reason_name), count: nameBytes),
                absent: .zero
            ),
            Field(
                Column(1025, "drop_reason_code", .int32, "The reason's number in this version of the kernel."),
                .uint32(at: offset(\tapio_drop.reason))
            ),
            Field(.device, .paddedString(at: offset(\tapio_drop.device), count: 16), absent: .zero),
            Field(.interfaceIndex, .uint32(at: offset(\tapio_drop.interface)), absent: .zero),
            Field(.networkNamespace, .uint32(at: offset(\tapio_drop.netns)), absent: .zero),
            Field(.etherType, .uint32(at: offset(\tapio_drop.ether_type)), absent: .zero),
            Field(
                .protocolName,
                .code(at: offset(\tapio_drop.protocol), names: InternetProtocol.names),
                absent: .allOnes
            ),
            Field(.sourceAddress, .ipAddress(at: offset(\tapio_drop.src_addr)), absent: .zero),
            Field(.destinationAddress, .ipAddress(at: offset(\tapio_drop.dst_addr)), absent: .zero),
            Field(.sourcePort, .uint16(at: offset(\tapio_drop.src_port)), absent: .zero),
            Field(.destinationPort, .uint16(at: offset(\tapio_drop.dst_port)), absent: .zero),
            Field(.packetBytes, .uint64(at: offset(\tapio_drop.bytes))),
        ],
        aggregation: Aggregation(
            by: [
                "cgroup_id", "uid", "drop_reason", "drop_reason_code", "device", "interface_index", "netns",
                "ether_type", "protocol",
            ],
            measure: "packet_bytes",
            isInKernel: true
        )
    )
}
