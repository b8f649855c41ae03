import TapioBPF
import TapioEvents
import TapioKernel

/// Watches memory: whom the kernel killed when there was none left, and who had to wait while it looked for some.
public enum MemoryCollector {
    static let name = "memory"

    /// How long a thread must have been held up by reclaim for an event of it, ns.
    public static let reclaimAtLeast = CollectorOption(
        "reclaim_at_least",
        0...60_000_000_000,
        default: 1_000_000,
        form: .duration,
        "How long a thread is held up while memory is reclaimed until that is told of; shorter ones are counted as filtered."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Processes that were killed for want of memory, with limit and usage; threads that waited for reclaim.",
        schemas: [kill, reclaim],
        options: [reclaimAtLeast],
        tracepoints: [
            "mark_victim", "mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_end",
            "mm_vmscan_memcg_reclaim_begin", "mm_vmscan_memcg_reclaim_end",
        ].map(Tracepoint.init(raw:)),
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            // The victim's user id came with the task itself, in Linux 6.8.
            let tellsTask = (catalog.argumentCount("mark_victim") ?? 0) >= 2
            try object.disableProgram(tellsTask ? "oom_kill_by_pid" : "oom_kill")
            try object.setConstant("page_shift", PageSize.shift)
        },
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("reclaim_least_ns", UInt64(options[reclaimAtLeast]))
        }
    )

    private static let kill = EventSchema(
        EventKind(Int(TAPIO_KIND_OOM_KILL)),
        "oom_kill",
        collector: name,
        priority: .critical,
        record: tapio_oom_kill.self,
        "The kernel chose a process to be killed because memory ran out.",
        fields: [
            Field(.startTime, .bootTime(at: offset(\tapio_oom_kill.start_ns)), absent: .zero),
            bytes(2048, "virtual_bytes", \.virtual_bytes, "Address space of the victim."),
            bytes(2049, "anonymous_bytes", \.anonymous_bytes, "Memory of the victim that no file backs."),
            bytes(2050, "file_bytes", \.file_bytes, "Mapped file pages of the victim that were in memory."),
            bytes(2051, "shared_bytes", \.shared_bytes, "Shared memory of the victim that was in memory."),
            bytes(2052, "page_table_bytes", \.page_table_bytes, "Page tables of the victim."),
            Field(
                Column(
                    2053,
                    "full_cgroup_id",
                    .int64,
                    "The nearest cgroup at or above the victim's whose limit was used up; null where the machine was."
                ),
                .uint64(at: offset(\tapio_oom_kill.full_cgroup_id)),
                absent: .allOnes
            ),
            bytes(2054, "limit_bytes", \.limit_bytes, "Limit of that cgroup."),
            bytes(2055, "usage_bytes", \.usage_bytes, "What that cgroup used."),
            Field(
                Column(
                    2056,
                    "oom_score_adj",
                    .int32,
                    "The victim's adjustment, -1000 to 1000: greater ones die first."
                ),
                .uint32(at: offset(\tapio_oom_kill.score_adjustment))
            ),
            Field(
                Column(2057, "trigger_pid", .int32, "The process that asked for memory when there was none."),
                .uint32(at: offset(\tapio_oom_kill.trigger_pid))
            ),
            Field(
                Column(2058, "trigger_comm", .string, "Name of the thread that asked."),
                .paddedString(at: offset(\tapio_oom_kill.trigger_comm), count: Int(TAPIO_COMM_BYTES))
            ),
        ]
    )

    private static let reclaim = EventSchema(
        EventKind(Int(TAPIO_KIND_MEMORY_RECLAIM)),
        "memory_reclaim",
        collector: name,
        priority: .normal,
        record: tapio_memory_reclaim.self,
        "A thread that needed memory was held up while the kernel reclaimed some.",
        fields: [
            Field(.duration, .uint64(at: offset(\tapio_memory_reclaim.duration_ns))),
            Field(
                Column(2059, "reclaimed_bytes", .int64, unit: .bytes, "What was found meanwhile."),
                .uint64(at: offset(\tapio_memory_reclaim.reclaimed_bytes))
            ),
            Field(
                Column(2060, "reclaim_cause", .string, "Whether a cgroup reached its limit, or the machine ran short."),
                .symbol(at: offset(\tapio_memory_reclaim.cause), names: ["cgroup", "machine"])
            ),
        ],
        aggregation: Aggregation(by: ["cgroup_id", "uid", "pid", "comm", "reclaim_cause"], measure: "duration_ns")
    )

    private static func bytes(
        _ id: Int32,
        _ name: String,
        _ path: KeyPath<tapio_oom_kill, UInt64>,
        _ summary: String
    ) -> Field {
        Field(
            Column(id, name, .int64, unit: .bytes, summary),
            .uint64(at: offset(path)),
            absent: .allOnes
        )
    }
}
