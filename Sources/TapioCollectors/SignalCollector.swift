import TapioBPF
import TapioEvents
import TapioKernel

/// Watches signals: who sent which to whom and what became of it, and each death by a signal with who sent that.
///
/// A sender is named only where it is certain: for kill, tkill, sigqueue and their like. The process that happens to run
/// while a timer, a terminal or the kernel sends a signal is never taken for it.
public enum SignalCollector {
    static let name = "signal"

    /// Whether signals are told of that by default neither end nor stop a process (SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGIO,
    /// SIGPROF, SIGVTALRM, real-time signals), and those of timers.
    public static let harmless = CollectorOption.flag(
        "harmless",
        default: false,
        "Whether signals that by default neither end nor stop a process, and those of timers, are told of as well."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "Who sent which signal to whom and what became of it; deaths by a signal, with who sent it.",
        schemas: [sent, death],
        options: [harmless],
        tracepoints: ["signal_generate", "sched_process_exit"].map(Tracepoint.init(raw:)),
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            try object.setConstant("exit_tells_group_dead", catalog.exitTellsGroupDead)
        },
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("tells_harmless", options.isOn(harmless))
        }
    )

    private static let sent = EventSchema(
        EventKind(Int(TAPIO_KIND_SIGNAL_SENT)),
        "signal_sent",
        collector: name,
        priority: .normal,
        record: tapio_signal.self,
        "A signal was sent; the event names the sender, or nobody where the kernel sent it.",
        fields: [
            Field(.signal, .uint32(at: offset(\tapio_signal.signal))),
            Field(.targetPid, .uint32(at: offset(\tapio_signal.target_pid))),
            Field(.targetTid, .uint32(at: offset(\tapio_signal.target_tid))),
            Field(
                Column(2562, "target_start_ts", .timestamp, "Start of that process: with target_pid, its identity."),
                .bootTime(at: offset(\tapio_signal.target_start_ns))
            ),
            Field(.targetComm, .paddedString(at: offset(\tapio_signal.target_comm), count: Int(TAPIO_COMM_BYTES))),
            Field(signalCode, .uint32(at: offset(\tapio_signal.code))),
            Field(signalSource, .symbol(at: offset(\tapio_signal.source), names: sourceNames)),
            Field(
                Column(2566, "signal_result", .string, "What became of it."),
                .symbol(
                    at: offset(\tapio_signal.result),
                    names: ["delivered", "ignored", "already_pending", "no_room", "details_lost"]
                )
            ),
            Field(
                Column(2567, "signal_scope", .string, "Whether it was for one thread or for the whole process."),
                .symbol(at: offset(\tapio_signal.to_process), names: ["thread", "process"])
            ),
            Field(.faultAddress, .hex64(at: offset(\tapio_signal.fault_address)), absent: .allOnes),
        ],
        aggregation: Aggregation(
            by: ["cgroup_id", "uid", "pid", "comm", "signal", "target_comm", "signal_source", "signal_result"]
        )
    )

    private static let death = EventSchema(
        EventKind(Int(TAPIO_KIND_SIGNAL_DEATH)),
        "signal_death",
        collector: name,
        priority: .high,
        record: tapio_signal_death.self,
        "A process died of a signal; the event names the process, and who sent the signal where that was seen.",
        fields: [
            Field(.startTime, .bootTime(at: offset(\tapio_signal_death.start_ns))),
            Field(.duration, .uint64(at: offset(\tapio_signal_death.duration_ns))),
            Field(.latency, .uint64(at: offset(\tapio_signal_death.latency_ns)), absent: .allOnes),
            Field(.signal, .uint32(at: offset(\tapio_signal_death.signal))),
            Field(signalCode, .uint32(at: offset(\tapio_signal_death.code))),
            Field(signalSource, .symbol(at: offset(\tapio_signal_death.source), names: sourceNames)),
            Field(.faultAddress, .hex64(at: offset(\tapio_signal_death.fault_address)), absent: .allOnes),
            Field(.coreDumped, .uint8(at: offset(\tapio_signal_death.core_dumped))),
            Field(
                Column(2569, "sender_pid", .int32, "The process that sent the signal."),
                .uint32(at: offset(\tapio_signal_death.sender_pid)),
                absent: .zero
            ),
            Field(
                Column(2570, "sender_start_ts", .timestamp, "Start of that process: with sender_pid, its identity."),
                .bootTime(at: offset(\tapio_signal_death.sender_start_ns)),
                absent: .zero
            ),
            Field(
                Column(2571, "sender_uid", .int64, "Real user id of the sender."),
                .uint32(at: offset(\tapio_signal_death.sender_uid)),
                absent: .allOnes
            ),
            Field(
                Column(2572, "sender_comm", .string, "Name of the thread that sent it."),
                .paddedString(at: offset(\tapio_signal_death.sender_comm), count: Int(TAPIO_COMM_BYTES)),
                absent: .zero
            ),
        ],
        aggregation: Aggregation(
            by: ["cgroup_id", "uid", "comm", "signal", "signal_source", "sender_comm"],
            measure: "duration_ns"
        )
    )

    private static let signalCode = Column(
        2564,
        "signal_code",
        .int32,
        "Its si_code: why, as siginfo_t has it; -2147483648 where it was not seen."
    )
    private static let signalSource = Column(
        2565,
        "signal_source",
        .string,
        "How it came about: kill, tkill, sigqueue, timer, io, kernel, fault or child."
    )
    /// By number, as `TAPIO_SIGNAL_…`.
    private static let sourceNames = ["", "kill", "tkill", "sigqueue", "timer", "io", "kernel", "fault", "child"]
}

extension TracepointCatalog {
    /// Whether sched_process_exit tells which thread is the last of its process, since Linux 6.16: its arguments without
    /// `void *__data` are then the task and that.
    var exitTellsGroupDead: Bool { (argumentCount("sched_process_exit") ?? 0) >= 2 }
}
