import TapioBPF
import TapioEvents
import TapioKernel

/// Watches what changes who may do what: credentials, ptrace, modules, BPF programs, mounts, namespaces, capabilities.
public enum SecurityCollector {
    static let name = "security"

    /// Whether capabilities that somebody asked for and lacked are told of as well.
    public static let denied = CollectorOption.flag(
        "denied_capabilities",
        default: false,
        "Whether checks for capabilities that a process lacked are told of; the kernel makes many, as a matter of course."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Changes of user and group ids, ptrace, kernel modules, BPF programs, mounts, namespaces, capabilities that were used.",
        schemas: SecuritySchemas.all,
        options: [denied, .window],
        tracepoints: ["sys_enter", "sys_exit", "cap_capable"].map(Tracepoint.init(raw:)),
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, _) throws(KernelError) in
            try object.setConstant("watched_calls", bytes: watchedCalls)
            if let full = ProcFile.read("/proc/1/status").flatMap(CollectorPreflight.effectiveCapabilities) {
                try object.setConstant("full_capabilities", full)
            }
        },
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("tells_denied", options.isOn(denied))
        },
        windows: ["uses"]
    )

    /// What the program watches calls for, by the numbers that it gives that (enum in security.bpf.c).
    private static let watches: [[String]] = [
        [],
        [
            "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
        ],
        ["ptrace"],
        ["process_vm_readv", "process_vm_writev"],
        ["init_module", "kexec_load"],
        ["finit_module"],
        ["delete_module"],
        ["bpf"],
        ["mount"],
        ["move_mount"],
        ["umount2"],
        ["pivot_root"],
        ["unshare"],
        ["setns"],
    ]

    /// A byte for each system call of this architecture.
    private static let watchedCalls: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: 512)
        for (watch, names) in watches.enumerated() {
            for name in names {
                guard let number = KernelNames.systemCalls.firstIndex(of: name), number < bytes.count else { continue }
                bytes[number] = UInt8(watch)
            }
        }
        return bytes
    }()
}
