import TapioBPF
import TapioEvents
import TapioKernel

/// Watches processes: each exec with its arguments, each fork and exit, and those that were there before.
public enum ProcessCollector {
    static let name = "process"

    /// Bytes of arguments that an event may carry; the rest is cut, and `args_bytes` tells.
    public static let argsBytes = CollectorOption(
        "args_bytes",
        0...Int(TAPIO_ARGS_BYTES),
        default: Int(TAPIO_ARGS_BYTES),
        "Bytes of arguments that an event may carry."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Programs that start (with arguments), processes that fork and exit, and those that were there before.",
        schemas: [exec, fork, exit, existing],
        options: [argsBytes],
        tracepoints: ["sched_process_exec", "sched_process_fork", "sched_process_exit"].map(Tracepoint.init(raw:)),
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            try object.setConstant("exit_tells_group_dead", catalog.exitTellsGroupDead)
            try object.setConstant("page_shift", PageSize.shift)
        },
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("args_limit", UInt32(options[argsBytes]))
        },
        // Reports every process that there is, after all is attached: so that none falls between.
        begin: { (object) throws(KernelError) in try object.runIterator("process_existing") }
    )

    private static let exec = EventSchema(
        EventKind(Int(TAPIO_KIND_PROCESS_EXEC)),
        "process_exec",
        collector: name,
        priority: .high,
        record: tapio_process_exec.self,
        "A process started a program.",
        fields: programFields,
        aggregation: Aggregation(by: ["cgroup_id", "uid", "comm"])
    )

    private static let existing = EventSchema(
        EventKind(Int(TAPIO_KIND_PROCESS_EXISTING)),
        "process_existing",
        collector: name,
        priority: .normal,
        record: tapio_process_exec.self,
        "A process that was there when the collector started.",
        fields: programFields
    )

    private static let fork = EventSchema(
        EventKind(Int(TAPIO_KIND_PROCESS_FORK)),
        "process_fork",
        collector: name,
        priority: .normal,
        record: tapio_process_fork.self,
        "A process made a new process (not a thread).",
        fields: [
            Field(
                Column(262, "child_pid", .int32, "The new process."),
                .uint32(at: offset(\tapio_process_fork.child_pid))
            ),
            Field(
                Column(263, "child_start_ts", .timestamp, "Start of the new process."),
                .bootTime(at: offset(\tapio_process_fork.child_start_ns))
            ),
        ],
        aggregation: Aggregation(by: ["cgroup_id", "uid", "comm"])
    )

    private static let exit = EventSchema(
        EventKind(Int(TAPIO_KIND_PROCESS_EXIT)),
        "process_exit",
        collector: name,
        priority: .high,
        record: tapio_process_exit.self,
        "A process ended: its last thread did.",
        fields: [
            Field(.startTime, .bootTime(at: offset(\tapio_process_exit.start_ns))),
            Field(.duration, .uint64(at: offset(\tapio_process_exit.duration_ns))),
            Field(.exitCode, .uint32(at: offset(\tapio_process_exit.exit_code))),
            Field(.signal, .uint32(at: offset(\tapio_process_exit.signal)), absent: .zero),
            Field(.coreDumped, .uint32(at: offset(\tapio_process_exit.core_dumped))),
            Field(
                Column(266, "peak_rss_bytes", .int64, unit: .bytes, "The most that it ever had in memory."),
                .uint64(at: offset(\tapio_process_exit.peak_rss_bytes))
            ),
            Field(
                Column(267, "cpu_ns", .int64, unit: .nanoseconds, "CPU time of all its threads, user and kernel."),
                .uint64(at: offset(\tapio_process_exit.cpu_ns))
            ),
        ],
        aggregation: Aggregation(
            by: ["cgroup_id", "uid", "comm", "exit_code", "signal"],
            measure: "duration_ns"
        )
    )

    private static let programFields: [Field] = [
        Field(.startTime, .bootTime(at: offset(\tapio_process_exec.start_ns))),
        Field(
            Column(256, "exe", .string, "Path of the program as it was given to exec."),
            .string(at: offset(\tapio_process_exec.exe)),
            absent: .zero
        ),
        Field(
            Column(257, "interpreter", .string, "The interpreter, where the program is a script."),
            .string(at: offset(\tapio_process_exec.interpreter)),
            absent: .zero
        ),
        Field(
            Column(258, "args", .string, "The arguments as one command line that a shell would split again."),
            .list(at: offset(\tapio_process_exec.args), .commandLine),
            absent: .zero
        ),
        Field(
            Column(259, "argc", .int32, unit: .count, "Number of arguments."),
            .uint32(at: offset(\tapio_process_exec.argc)),
            absent: .allOnes
        ),
        Field(
            Column(260, "args_bytes", .int64, unit: .bytes, "Bytes of all arguments, also of those that were cut off."),
            .uint32(at: offset(\tapio_process_exec.args_total_bytes))
        ),
        Field(
            Column(261, "exe_inode", .int64, "Inode of the executable."),
            .uint64(at: offset(\tapio_process_exec.exe_inode)),
            absent: .allOnes
        ),
        Field(
            Column(268, "cwd", .string, "Working directory, as the process itself calls it."),
            .list(at: offset(\tapio_process_exec.cwd), .directory),
            absent: .zero
        ),
        Field(
            Column(269, "parent_start_ts", .timestamp, "Start of the parent: with ppid, its identity."),
            .bootTime(at: offset(\tapio_process_exec.parent_start_ns))
        ),
        Field(
            Column(270, "ancestry", .string, "Name and pid of the parent, its parent, and so on, up to 8."),
            .list(at: offset(\tapio_process_exec.ancestors), .ancestry),
            absent: .zero
        ),
    ]
}
