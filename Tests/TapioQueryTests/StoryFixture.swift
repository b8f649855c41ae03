import TapioEvents

@testable import TapioQuery

/// A small archive in memory, of rows that a test writes by hand.
enum StoryFixture {
    /// 2026-01-01T00:00:00Z: seconds in tests count from here.
    static let baseUs: Int64 = 1_767_225_600_000_000

    private static let integers = [
        "cpu", "seq", "pid", "tid", "ppid", "uid", "cgroup_id", "ts_sub_ns", "agg_count", "agg_min", "agg_max",
        "agg_sum",
        "child_pid", "target_pid", "target_tid", "sender_pid", "sender_uid", "trigger_pid", "exit_code", "signal",
        "core_dumped", "duration_ns", "latency_ns", "cpu_ns", "peak_rss_bytes", "errno", "full_cgroup_id",
        "limit_bytes",
        "usage_bytes", "anonymous_bytes", "file_bytes", "oom_score_adj", "some_stalled_permille",
        "full_stalled_permille", "elapsed_ns", "throttled_ns", "cpu_periods", "throttled_periods", "dst_port",
        "src_port", "retransmits", "dns_slow", "restart_count", "last_exit_code", "last_signal", "event_count",
        "ledger_count", "netns",
    ]
    private static let texts = [
        "kind", "priority", "comm", "container_id", "pod", "namespace", "pod_uid", "container", "service", "workload",
        "unit", "container_runtime", "exe", "args", "cwd", "ancestry", "interpreter", "signal_source", "signal_result",
        "fault_address", "sender_comm", "target_comm", "trigger_comm", "syscall", "error", "reclaim_cause", "src_addr",
        "dst_addr", "dst_name", "dst_service", "direction", "protocol", "reset_direction", "dns_name", "dns_type",
        "dns_code", "dns_answers", "device", "io_operation", "container_state", "reason", "message", "last_reason",
        "event_type", "ledger_entry", "ledger_kind", "ledger_reason", "ledger_collector",
    ]
    private static let times = [
        "ts", "start_ts", "parent_start_ts", "child_start_ts", "target_start_ts", "sender_start_ts", "agg_first",
        "agg_last", "ledger_from", "ledger_to",
    ]

    static let schema = QuerySchema(
        columns: times.map { Column(0, $0, .timestamp, "-") } + integers.map { Column(0, $0, .int64, "-") }
            + texts.map { Column(0, $0, .string, "-") } + [Column(0, "weight", .double, "-")],
        kinds: Explanation.collectors.keys + [
            "_ledger", "process_exec", "process_fork", "process_existing", "tcp_connect", "block_io",
        ]
    )

    /// Microseconds of a second of the story.
    static func us(_ seconds: Double) -> Int64 { baseUs + Int64((seconds * 1_000_000).rounded()) }

    static func time(_ seconds: Double) -> EventValue { .timestamp(us(seconds)) }

    /// A row at a second of the story.
    static func row(_ kind: String, _ seconds: Double, pid: Int64 = 0, _ values: Row = [:]) -> Row {
        var row: Row = [
            "ts": time(seconds), "kind": .string(kind), "pid": .int(pid), "cpu": .int(0), "seq": .int(1),
            "weight": .double(1),
        ]
        row.merge(values) { $1 }
        return row
    }

    /// The start and end of a process.
    static func life(_ pid: Int64, _ comm: String, from: Double, to: Double, ppid: Int64 = 1, code: Int64 = 0) -> [Row]
    {
        let own: Row = ["comm": .string(comm), "start_ts": time(from), "ppid": .int(ppid), "cgroup_id": .int(77)]
        return [
            row("process_exec", from, pid: pid, own.merging(["args": .string("\(comm) --run")]) { $1 }),
            row(
                "process_exit",
                to,
                pid: pid,
                own.merging(["exit_code": .int(code), "duration_ns": .int(Int64((to - from) * 1e9))]) { $1 }
            ),
        ]
    }

    /// A gap of the ledger.
    static func gap(_ kind: String?, from: Double, to: Double, count: Int64, writtenAt: Double) -> Row {
        var values: Row = [
            "ledger_entry": .string("gap"), "ledger_reason": .string("ring_full"), "ledger_count": .int(count),
            "ledger_from": time(from), "ledger_to": time(to), "weight": .double(0),
        ]
        if let kind { values["ledger_kind"] = .string(kind) }
        return row("_ledger", writtenAt, values)
    }

    static func archive(_ rows: [Row], nodes: [String?] = [nil]) -> StoryArchive {
        let segments = nodes.map { node in
            let group = MemoryArchive.group(rows, columns: schema.columns)
            var segment = MemoryArchive.segment([group], rows: rows, name: "segment \(node ?? "")")
            segment.node = node
            return segment
        }
        return StoryArchive(engine: QueryEngine(segments: segments), schema: schema)
    }
}
