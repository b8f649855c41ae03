import TapioBPF
import TapioEvents
public import TapioKernel

/// Watches processes: each exec with its arguments, each fork and exit, and those that were there before.
public actor ProcessCollector: Collector {
    private let plane: KernelPlane
    private var options: CollectorOptions
    private var attached: AttachedObject?
    private var iteratorProblem: String?

    /// A collector that does nothing until it is started.
    public init(plane: KernelPlane, options: CollectorOptions) {
        self.plane = plane
        self.options = options
    }

    /// Attaches, then reports every process that there is as `process_existing`: in that order, so that none falls
    /// between.
    public func start() throws(CollectorError) {
        let argsBytes = UInt32(options[Self.argsBytes])
        let fresh = try AttachedObject(Self.name, plane: plane) { (object, catalog) throws(KernelError) in
            try object.setConstant("exit_tells_group_dead", catalog.exitTellsGroupDead)
            try object.setConstant("page_shift", PageSize.shift)
            try object.setVariable("args_limit", argsBytes)
        }
        iteratorProblem = nil
        do throws(KernelError) {
            try fresh.object.runIterator("process_existing")
        } catch {
            iteratorProblem = error.description
        }
        attached = fresh
    }

    /// Detaches; does nothing where it is not attached.
    public func stop() {
        attached?.object.detach()
        attached = nil
    }

    /// Takes over `args_bytes` while the programs run.
    public func reconfigure(_ options: CollectorOptions) throws(CollectorError) {
        self.options = options
        guard let attached else { return }
        do throws(KernelError) {
            try attached.object.setVariable("args_limit", UInt32(options[Self.argsBytes]))
        } catch {
            throw CollectorError(collector: Self.name, error)
        }
    }

    /// Its programs, and whether the walk over the existing processes failed.
    public func health() throws(CollectorError) -> CollectorHealth {
        guard let attached else { throw CollectorError(collector: Self.name, reason: "it is not attached") }
        var health = attached.health()
        if let iteratorProblem { health.problems.append(iteratorProblem) }
        return health
    }
}

// MARK: - What it declares

extension ProcessCollector {
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
        make: { ProcessCollector(plane: $0, options: $1) }
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
            Field(
                Column(264, "exit_code", .int32, "What the process returned, 0 to 255."),
                .uint32(at: offset(\tapio_process_exit.exit_code))
            ),
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
            .arguments(at: offset(\tapio_process_exec.args)),
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
    ]

    private static func offset<Record, Value>(_ path: KeyPath<Record, Value>) -> Int {
        MemoryLayout<Record>.offset(of: path)!
    }
}
