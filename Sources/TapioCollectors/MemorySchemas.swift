import TapioBPF
import TapioEvents

extension MemoryCollector {
    static let kill = EventSchema(
        EventKind(Int(TAPIO_KIND_OOM_KILL)),
        "oom_kill",
        collector: name,
        priority: .critical,
        record: tapio_oom_kill.self,
        "The kernel chose a process to be killed because memory ran out.",
        fields: [
            Field(.startTime, .bootTime(at: offset(\tapio_oom_kill.start_ns)), absent: .zero),
            bytes(2048, "virtual_bytes", \.virtual_bytes, "Address space of the victim."),
            Field(anonymousBytes, .uint64(at: offset(\tapio_oom_kill.anonymous_bytes)), absent: .allOnes),
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
            Field(limitBytes, .uint64(at: offset(\tapio_oom_kill.limit_bytes)), absent: .allOnes),
            Field(usageBytes, .uint64(at: offset(\tapio_oom_kill.usage_bytes)), absent: .allOnes),
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

    static let reclaim = EventSchema(
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

    static let fault = EventSchema(
        EventKind(Int(TAPIO_KIND_MAJOR_FAULT)),
        "major_fault",
        collector: name,
        priority: .normal,
        record: tapio_major_fault.self,
        "A thread waited for a page that had to be read. The first of a process in a window is an event, the others are merged in the kernel.",
        fields: [Field(.faultAddress, .hex64(at: offset(\tapio_major_fault.address)))],
        aggregation: Aggregation(by: ["cgroup_id", "uid", "pid", "ppid", "comm"], isInKernel: true)
    )

    static let usage = EventSchema(
        EventKind(Int(TAPIO_KIND_MEMORY_USAGE)),
        "memory_usage",
        collector: name,
        priority: .normal,
        record: tapio_memory_usage.self,
        "A cgroup's memory is near its limit: told when it gets there, then once a minute.",
        fields: [
            Field(.cgroupPath, .string(at: offset(\tapio_memory_usage.path)), absent: .zero),
            Field(usageBytes, .uint64(at: offset(\tapio_memory_usage.usage_bytes))),
            Field(limitBytes, .uint64(at: offset(\tapio_memory_usage.limit_bytes))),
            Field(anonymousBytes, .uint64(at: offset(\tapio_memory_usage.anonymous_bytes)), absent: .allOnes),
            Field(
                Column(2061, "cache_bytes", .int64, unit: .bytes, "Page cache of the cgroup, and all below it."),
                .uint64(at: offset(\tapio_memory_usage.cache_bytes)),
                absent: .allOnes
            ),
        ]
    )

    static let pressure = EventSchema(
        EventKind(Int(TAPIO_KIND_MEMORY_PRESSURE)),
        "memory_pressure",
        collector: name,
        priority: .normal,
        record: tapio_memory_pressure.self,
        "Threads of a cgroup, or of the machine where no path is given, waited for memory for a large part of the time.",
        fields: [
            Field(.cgroupPath, .string(at: offset(\tapio_memory_pressure.path)), absent: .zero),
            Field(.elapsed, .uint64(at: offset(\tapio_memory_pressure.elapsed_ns))),
            Field(
                Column(
                    2062,
                    "some_stalled_ns",
                    .int64,
                    unit: .nanoseconds,
                    "For how much of that time some threads waited for memory."
                ),
                .uint64(at: offset(\tapio_memory_pressure.some_ns))
            ),
            Field(
                Column(
                    2063,
                    "full_stalled_ns",
                    .int64,
                    unit: .nanoseconds,
                    "For how much of that time all threads that had work waited for memory."
                ),
                .uint64(at: offset(\tapio_memory_pressure.full_ns))
            ),
            Field(
                Column(
                    2064,
                    "some_stalled_permille",
                    .int32,
                    "Share of the last ten seconds in which some threads waited for memory, in thousandths (avg10)."
                ),
                .uint32(at: offset(\tapio_memory_pressure.some_share))
            ),
            Field(
                Column(
                    2065,
                    "full_stalled_permille",
                    .int32,
                    "Share of the last ten seconds in which all threads that had work waited for memory, in thousandths (avg10)."
                ),
                .uint32(at: offset(\tapio_memory_pressure.full_share))
            ),
        ]
    )

    private static let anonymousBytes = Column(
        2049,
        "anonymous_bytes",
        .int64,
        unit: .bytes,
        "Memory that no file backs: of the victim, or of the cgroup and all below it."
    )
    private static let limitBytes = Column(2054, "limit_bytes", .int64, unit: .bytes, "Limit of the cgroup.")
    private static let usageBytes = Column(2055, "usage_bytes", .int64, unit: .bytes, "What the cgroup used.")

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
