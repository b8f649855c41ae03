import TapioBPF
import TapioEvents

/// The kinds that ``SecurityCollector`` emits.
enum SecuritySchemas {
    static let all = [credentials, ptrace, module, bpf, mount, namespace, capability]

    private static let credentials = schema(
        TAPIO_KIND_CREDENTIALS_CHANGE,
        "credentials_change",
        tapio_credentials.self,
        "A thread changed its user or group ids, or tried to.",
        [
            id(3072, "old_uid", \.old_uid, "Real user id before."),
            id(3073, "old_euid", \.old_euid, "Effective user id before."),
            id(3074, "old_gid", \.old_gid, "Real group id before."),
            id(3075, "old_egid", \.old_egid, "Effective group id before."),
            id(3076, "new_uid", \.new_uid, "Real user id after."),
            id(3077, "new_euid", \.new_euid, "Effective user id after."),
            id(3078, "new_gid", \.new_gid, "Real group id after."),
            id(3079, "new_egid", \.new_egid, "Effective group id after."),
        ]
    )

    private static let ptrace = schema(
        TAPIO_KIND_PTRACE,
        "ptrace",
        tapio_ptrace.self,
        "A process began to trace another one, or looked into its memory, or tried to.",
        [
            Field(
                Column(
                    3080,
                    "ptrace_request",
                    .string,
                    "traceme, attach, seize, or memory (process_vm_readv and -writev)."
                ),
                .code(at: offset(\tapio_ptrace.request), names: ["traceme", "attach", "seize", "memory"])
            ),
            Field(.targetPid, .uint32(at: offset(\tapio_ptrace.target_pid))),
        ]
    )

    private static let module = schema(
        TAPIO_KIND_MODULE_LOAD,
        "module_load",
        tapio_module.self,
        "A kernel module was loaded or removed, or another kernel prepared, or that was tried.",
        [
            Field(
                Column(3081, "module", .string, "Name of the module or its file; null where it came from memory."),
                .string(at: offset(\tapio_module.name)),
                absent: .zero
            ),
            Field(
                Column(3082, "module_parameters", .string, "What it was given."),
                .string(at: offset(\tapio_module.parameters)),
                absent: .zero
            ),
        ]
    )

    private static let bpf = schema(
        TAPIO_KIND_BPF_LOAD,
        "bpf_load",
        tapio_bpf_load.self,
        "A process loaded a BPF program, or tried to.",
        [
            Field(
                Column(
                    3083,
                    "bpf_program_type",
                    .string,
                    "Type of the program, such as kprobe or xdp; its number without a name."
                ),
                .code(at: offset(\tapio_bpf_load.program_type), names: programTypes)
            ),
            Field(
                Column(3084, "bpf_program", .string, "Name of the program."),
                .paddedString(at: offset(\tapio_bpf_load.name), count: 16),
                absent: .zero
            ),
            Field(
                Column(3085, "bpf_instructions", .int64, unit: .count, "Instructions of the program."),
                .uint32(at: offset(\tapio_bpf_load.instructions))
            ),
        ]
    )

    private static let mount = schema(
        TAPIO_KIND_MOUNT,
        "mount",
        tapio_mount.self,
        "A file system was mounted, moved or unmounted, or the root changed, or that was tried.",
        [
            Field(
                Column(3086, "mount_source", .string, "What was mounted, as the caller named it."),
                .string(at: offset(\tapio_mount.source)),
                absent: .zero
            ),
            Field(
                Column(3087, "mount_target", .string, "Where, as the caller named it."),
                .string(at: offset(\tapio_mount.target)),
                absent: .zero
            ),
            Field(
                Column(3088, "filesystem", .string, "Type of the file system."),
                .string(at: offset(\tapio_mount.filesystem)),
                absent: .zero
            ),
            Field(
                Column(3089, "mount_flags", .string, "Flags of mount(2), with commas between."),
                .bits(at: offset(\tapio_mount.flags), names: mountFlags),
                absent: .zero
            ),
        ]
    )

    private static let namespace = schema(
        TAPIO_KIND_NAMESPACE_CHANGE,
        "namespace_change",
        tapio_namespace.self,
        "A thread went into other namespaces, new ones or those of another process, or tried to.",
        [
            Field(
                Column(3090, "namespaces", .string, "Which, with commas between; null where setns() was not told."),
                .bits(at: offset(\tapio_namespace.namespaces), names: namespaces),
                absent: .zero
            )
        ]
    )

    private static let capability = EventSchema(
        EventKind(Int(TAPIO_KIND_CAPABILITY_USE)),
        "capability_use",
        collector: SecurityCollector.name,
        priority: .normal,
        record: tapio_capability.self,
        "A process that has not all capabilities needed one. The first of a sort in a window is an event, others are merged in the kernel.",
        fields: [
            Field(
                Column(3091, "capability", .string, "Name of the capability, such as net_raw."),
                .code(at: offset(\tapio_capability.capability), names: CapabilityNames.all)
            ),
            Field(
                Column(3092, "capability_granted", .int32, "1 where it had it."),
                .uint32(at: offset(\tapio_capability.is_granted))
            ),
        ],
        aggregation: Aggregation(
            by: ["cgroup_id", "uid", "pid", "ppid", "comm", "capability", "capability_granted"],
            isInKernel: true
        )
    )

    private static func schema<Record>(
        _ kind: Int,
        _ name: String,
        _ record: Record.Type,
        _ summary: String,
        _ fields: [Field]
    ) -> EventSchema {
        EventSchema(
            EventKind(kind),
            name,
            collector: SecurityCollector.name,
            priority: .high,
            record: record,
            summary,
            fields: call + fields
        )
    }

    private static let call = [
        Field(
            .systemCall,
            .code(at: offset(\tapio_security_call.number), names: KernelNames.systemCalls),
            absent: .allOnes
        ),
        Field(.errno, .uint32(at: offset(\tapio_security_call.error)), absent: .zero),
    ]

    private static func id(
        _ id: Int32,
        _ name: String,
        _ path: KeyPath<tapio_credentials, UInt32>,
        _ summary: String
    ) -> Field {
        Field(Column(id, name, .int64, summary), .uint32(at: offset(path)))
    }

    /// include/uapi/linux/bpf.h, enum bpf_prog_type
    private static let programTypes = [
        "unspecified", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event",
        "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg",
        "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport", "flow_dissector",
        "cgroup_sysctl", "raw_tracepoint_writable", "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm",
        "sk_lookup", "syscall", "netfilter",
    ]

    /// include/uapi/linux/mount.h, MS_…
    private static let mountFlags = [
        "ro", "nosuid", "nodev", "noexec", "sync", "remount", "mand", "dirsync", "nosymfollow", "", "noatime",
        "nodiratime", "bind", "move", "rec", "silent", "posixacl", "unbindable", "private", "slave", "shared",
        "relatime", "", "iversion", "strictatime", "lazytime",
    ]

    /// include/uapi/linux/sched.h, CLONE_NEW…
    private static let namespaces: [String] = {
        var names = [String](repeating: "", count: 31)
        for (bit, name) in [7: "time", 17: "mnt", 25: "cgroup", 26: "uts", 27: "ipc", 28: "user", 29: "pid", 30: "net"]
        {
            names[bit] = name
        }
        return names
    }()
}
