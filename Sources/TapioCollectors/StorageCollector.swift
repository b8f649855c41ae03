import TapioBPF
import TapioEvents
import TapioKernel

/// Watches block devices: how long requests take, which are slow, and which fail.
public enum StorageCollector {
    static let name = "storage"

    /// From what latency on a request is an event of its own, ns.
    public static let slow = CollectorOption(
        "slow",
        0...3_600_000_000_000,
        default: 100_000_000,
        form: .duration,
        "Requests that took at least that long are told one by one; shorter ones are merged."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "Requests to block devices: latency by device and process, slow ones and errors one by one.",
        schemas: [request, failure],
        options: [slow, .window],
        tracepoints: ["block_rq_issue", "block_rq_complete"].map(Tracepoint.init(raw:)),
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("slow_ns", UInt64(options[slow]))
        },
        windows: ["blocks"]
    )

    private static let request = EventSchema(
        EventKind(Int(TAPIO_KIND_BLOCK_IO)),
        "block_io",
        collector: name,
        priority: .normal,
        record: tapio_block.self,
        "A request to a block device was done. Slow ones are events, the others are merged in the kernel.",
        fields: common,
        aggregation: Aggregation(
            by: [
                "cgroup_id", "uid", "pid", "ppid", "comm", "device", "device_major", "device_minor", "io_operation",
            ],
            measure: "latency_ns",
            isInKernel: true
        )
    )

    private static let failure = EventSchema(
        EventKind(Int(TAPIO_KIND_BLOCK_ERROR)),
        "block_error",
        collector: name,
        priority: .high,
        record: tapio_block.self,
        "A request to a block device failed.",
        fields: common + [
            Field(.errno, .uint32(at: offset(\tapio_block.error)), absent: .allOnes),
            Field(.error, .code(at: offset(\tapio_block.error), names: KernelNames.errors), absent: .allOnes),
        ]
    )

    private static let common = [
        Field(.latency, .uint64(at: offset(\tapio_block.latency_ns))),
        Field(.device, .paddedString(at: offset(\tapio_block.device), count: 32), absent: .zero),
        Field(
            Column(1280, "device_major", .int32, "Major number of the block device."),
            .uint32(at: offset(\tapio_block.major))
        ),
        Field(
            Column(1281, "device_minor", .int32, "Minor number of the block device."),
            .uint32(at: offset(\tapio_block.minor))
        ),
        Field(
            Column(
                1282,
                "io_operation",
                .string,
                "What was asked of the device: read, write, flush, discard, secure_erase, write_zeroes, zone, driver_in, driver_out."
            ),
            .symbol(at: offset(\tapio_block.operation), names: operations)
        ),
        Field(
            Column(1283, "io_bytes", .int64, unit: .bytes, "Size of the request."),
            .uint64(at: offset(\tapio_block.bytes))
        ),
        Field(
            Column(1284, "io_sector", .int64, "Where on the device it began, in sectors of 512 bytes."),
            .uint64(at: offset(\tapio_block.sector))
        ),
        Field(
            Column(
                1285,
                "queue_ns",
                .int64,
                unit: .nanoseconds,
                "How long it waited until the device got it; null where the kernel doesn't keep that."
            ),
            .uint64(at: offset(\tapio_block.queue_ns)),
            absent: .allOnes
        ),
    ]

    /// By number (enum req_op, include/linux/blk_types.h). What is done to zones has other numbers in other versions.
    private static let operations: [String] = {
        var names = [String](repeating: "", count: 36)
        for number in [7] + Array(10...19) { names[number] = "zone" }
        for (number, name) in [
            0: "read", 1: "write", 2: "flush", 3: "discard", 5: "secure_erase", 9: "write_zeroes", 34: "driver_in",
            35: "driver_out",
        ] {
            names[number] = name
        }
        return names
    }()
}
