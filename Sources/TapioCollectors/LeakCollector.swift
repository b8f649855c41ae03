import TapioBPF
import TapioEvents
import TapioKernel

/// Watches what chosen processes allocate and do not free, by the stack that asked for it.
public enum LeakCollector {
    static let name = "leak"

    /// Chosen processes, by name.
    public static let comms = CollectorOption(
        "comms",
        of: .text,
        most: 32,
        default: [],
        "Names of processes whose allocations are followed, as ps -o comm tells them (15 bytes); looked for every second."
    )

    /// Chosen processes, by number.
    public static let pids = CollectorOption(
        "pids",
        of: .text,
        most: 256,
        default: [],
        "Numbers of processes whose allocations are followed, in the initial pid namespace."
    )

    /// Chosen processes, by what they run.
    public static let executables = CollectorOption(
        "executables",
        of: .path,
        most: 32,
        default: [],
        "Programs whose processes are followed, as their /proc/PID/exe tells; looked for every second."
    )

    /// Whether those of a name are followed from their first call on.
    public static let fromStart = CollectorOption.flag(
        "from_start",
        default: false,
        "Whether processes of these names are followed from their first call on, not once they are found: then all processes are slowed that use the same C library."
    )

    /// Where their allocators are.
    public static let libraries = CollectorOption(
        "libraries",
        of: .path,
        most: 8,
        default: [],
        "Files with the functions malloc and free that are watched, in place of those that are found in each process (C library, jemalloc, tcmalloc, mimalloc)."
    )

    /// How dense the samples are, bytes.
    public static let sampleBytes = CollectorOption(
        "sample_bytes",
        0...1 << 30,
        default: 512 << 10,
        "Mean number of allocated bytes per allocation that is kept: larger ones are always kept, smaller ones as often as their size asks for. 0: all are."
    )

    /// From what age on allocations count, ns.
    public static let minAge = CollectorOption(
        "min_age",
        0...86_400_000_000_000,
        default: 10_000_000_000,
        form: .duration,
        "Allocations that are younger are not told."
    )

    /// How often is told what is outstanding, ns.
    public static let interval = CollectorOption(
        "interval",
        1_000_000_000...86_400_000_000_000,
        default: 30_000_000_000,
        form: .duration,
        "How often it is told what is outstanding."
    )

    /// The most stacks of a process that are told one by one.
    public static let topStacks = CollectorOption(
        "top_stacks",
        1...1000,
        default: 100,
        "Stacks of a process that are told one by one, those with most bytes; the others are one row."
    )

    /// The most kept allocations.
    public static let maxAllocations = CollectorOption(
        "max_allocations",
        1024...4 << 20,
        default: 65_536,
        "Kept allocations of all processes that can be followed at a time: about 130 bytes of kernel memory each."
    )

    /// The most stacks.
    public static let maxStacks = CollectorOption(
        "max_stacks",
        256...65_536,
        default: 4096,
        "Different stacks of all processes that can be kept at a time: about 700 bytes of kernel memory each."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Heap memory that chosen processes do not free, by stack (uprobes at malloc and free: each call is some us slower).",
        schemas: [outstanding],
        options: [
            comms, pids, executables, fromStart, libraries, sampleBytes, minAge, interval, topStacks, maxAllocations,
            maxStacks,
        ],
        tracepoints: ["sched_process_exec", "sched_process_exit"].map(Tracepoint.init(raw:)),
        isOnByDefault: false,
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            try object.setConstant("exit_tells_group_dead", catalog.exitTellsGroupDead)
        },
        apply: { (object, options) throws(KernelError) in
            try LeakSelection(options).check()
            try object.setVariable("sample_bytes", UInt64(options[sampleBytes]))
        },
        reserve: { (object, options) throws(KernelError) in
            try object.setCapacity(ofMap: "live", entries: UInt32(options[maxAllocations]))
            try object.setCapacity(ofMap: "stacks", entries: UInt32(options[maxStacks]))
            // A stack may be that of several processes.
            try object.setCapacity(ofMap: "outstanding", entries: UInt32(2 * options[maxStacks]))
        },
        reserving: [maxAllocations, maxStacks],
        makePoller: { LeakPoller(options: $0) },
        pollIntervalNs: 1_000_000_000
    )

    private static let outstanding = EventSchema(
        EventKind(Int(TAPIO_KIND_HEAP_OUTSTANDING)),
        "heap_outstanding",
        collector: name,
        priority: .normal,
        record: tapio_heap_outstanding.self,
        "What a chosen process has allocated by one stack and not freed, since it is followed: a row per process and stack in each interval.",
        fields: [
            Field(.startTime, .bootTime(at: offset(\tapio_heap_outstanding.start_ns)), absent: .zero),
            Field(.elapsed, .uint64(at: offset(\tapio_heap_outstanding.elapsed_ns))),
            field(
                2304,
                "outstanding_bytes",
                .bytes,
                \.bytes,
                "Bytes that were allocated and not freed; estimated where not all allocations are kept."
            ),
            field(
                2305,
                "outstanding_allocations",
                .count,
                \.allocations,
                "How many allocations they are; estimated likewise."
            ),
            field(
                2306,
                "sampled_allocations",
                .count,
                \.samples,
                "Allocations that were kept, and from which both are estimated: the relative error is about 1 by the root of that, at most."
            ),
            field(2307, "oldest_age_ns", .nanoseconds, \.age_ns, "Age of the oldest of them."),
            field(
                2308,
                "grown_bytes",
                .bytes,
                \.grown_bytes,
                "How many more bytes it is than when that process was last told of; negative where fewer."
            ),
            field(2309, "grown_allocations", .count, \.grown_allocations, "How many more allocations it is."),
            field(
                2310,
                "untracked_bytes",
                .bytes,
                \.untracked_bytes,
                "Bytes that the process has allocated, and freed or not, without being followed for want of room; of all stacks."
            ),
            Field(
                Column(
                    2311,
                    "stack_id",
                    .string,
                    "The same for a stack as long as its process runs; null where several stacks are one row."
                ),
                .hex64(at: offset(\tapio_heap_outstanding.stack_id)),
                absent: .allOnes
            ),
            Field(
                Column(
                    2312,
                    "stack",
                    .string,
                    "Who asked for it, innermost first: function+offset (file) < caller+offset (file); file+address where no symbol is known."
                ),
                .string(at: offset(\tapio_heap_outstanding.stack)),
                absent: .zero
            ),
        ]
    )

    private static func field(
        _ id: Int32,
        _ name: String,
        _ unit: ColumnUnit,
        _ path: KeyPath<tapio_heap_outstanding, UInt64>,
        _ summary: String
    ) -> Field {
        Field(Column(id, name, .int64, unit: unit, summary), .uint64(at: offset(path)))
    }
}
