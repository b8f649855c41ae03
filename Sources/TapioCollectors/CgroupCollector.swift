import TapioBPF
import TapioEvents
import TapioKernel

/// Watches cgroups: made, removed and entered. Containers and systemd's units begin and end with theirs.
public enum CgroupCollector {
    static let name = "cgroup"

    /// Whether the version 1 hierarchies of other controllers than memory are told of as well.
    public static let allHierarchies = CollectorOption.flag(
        "all_hierarchies",
        default: false,
        "Whether version 1 hierarchies of other controllers than memory, with the same containers again, are told of."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Containers and units as the kernel sees them: cgroups made, entered and removed, and how their processes ended.",
        schemas: [create, remove, attach],
        options: [allHierarchies],
        tracepoints: ["cgroup_mkdir", "cgroup_rmdir", "cgroup_attach_task", "sched_process_exit"]
            .map(Tracepoint.init(raw:)),
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            try object.setConstant("exit_tells_group_dead", catalog.exitTellsGroupDead)
        },
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("tells_all_hierarchies", options.isOn(allHierarchies))
        }
    )

    private static let create = schema(
        TAPIO_KIND_CGROUP_CREATE,
        "cgroup_create",
        "A cgroup was made; the event names who made it.",
        [],
        by: []
    )

    private static let remove = schema(
        TAPIO_KIND_CGROUP_REMOVE,
        "cgroup_remove",
        "A cgroup was removed: its container or unit is over. exit_code and signal are those of the last process in it.",
        [
            Field(.duration, .uint64(at: offset(\.lived_ns)), absent: .allOnes),
            Field(
                Column(3589, "processes_ended", .int32, unit: .count, "Processes that ended in it, as far as seen."),
                .uint32(at: offset(\.ended)),
                absent: .allOnes
            ),
            Field(
                Column(3590, "processes_failed", .int32, unit: .count, "… those of them with an error or by a signal."),
                .uint32(at: offset(\.failed)),
                absent: .allOnes
            ),
            Field(.exitCode, .uint32(at: offset(\.exit_code)), absent: .allOnes),
            Field(.signal, .uint32(at: offset(\.signal)), absent: .zero),
        ],
        by: []
    )

    private static let attach = schema(
        TAPIO_KIND_CGROUP_ATTACH,
        "cgroup_attach",
        "A process or thread was moved into a cgroup; the event names who moved it.",
        [
            Field(.targetPid, .uint32(at: offset(\.target_pid))),
            Field(.targetTid, .uint32(at: offset(\.target_tid))),
            Field(
                .targetComm,
                .paddedString(at: offset(\.target_comm), count: Int(TAPIO_COMM_BYTES))
            ),
            Field(
                Column(3588, "attach_scope", .string, "Whether one thread was moved or the whole process."),
                .symbol(at: offset(\.is_process), names: ["thread", "process"])
            ),
        ],
        by: ["target_cgroup_id", "target_comm"]
    )

    private static func schema(
        _ kind: Int,
        _ name: String,
        _ summary: String,
        _ fields: [Field],
        by key: [String]
    ) -> EventSchema {
        EventSchema(
            EventKind(kind),
            name,
            collector: self.name,
            priority: .normal,
            record: tapio_cgroup.self,
            summary,
            fields: common + fields,
            aggregation: Aggregation(by: ["cgroup_id", "uid", "comm", "cgroup_hierarchy"] + key)
        )
    }

    private static let common = [
        Field(
            Column(3584, "target_cgroup_id", .int64, "Inode of that cgroup's directory: the cgroup_id of those in it."),
            .uint64(at: offset(\.group_id))
        ),
        Field(
            .cgroupPath,
            .string(at: offset(\.path)),
            absent: .zero
        ),
        Field(
            Column(
                3586,
                "cgroup_hierarchy",
                .int32,
                "Number of the hierarchy as in /proc/PID/cgroup: 0 for version 2."
            ),
            .uint32(at: offset(\.hierarchy))
        ),
        Field(
            Column(3587, "cgroup_level", .int32, "How far below its hierarchy's root it is."),
            .uint32(at: offset(\.level))
        ),
    ]

    private static func offset<Value>(_ path: KeyPath<tapio_cgroup, Value>) -> Int {
        MemoryLayout<tapio_cgroup>.offset(of: path)!
    }
}
