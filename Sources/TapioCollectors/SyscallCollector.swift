import TapioBPF
import TapioEvents
import TapioKernel

/// Watches system calls that fail, for whom and with what error.
public enum SyscallCollector {
    static let name = "syscall"

    /// Errors by which programs find their way, and which say nothing about trouble.
    public static let ignore = CollectorOption(
        "ignore",
        of: .choice(KernelNames.errors.filter { !$0.isEmpty }),
        most: 128,
        default: [
            "EAGAIN", "EALREADY", "ECHILD", "EEXIST", "EINPROGRESS", "EINTR", "EINVAL", "EISDIR", "ENODATA", "ENOENT",
            "ENOTDIR", "ENOTTY", "ENXIO", "EOPNOTSUPP", "ERANGE", "ESPIPE", "ETIMEDOUT",
        ],
        "Errors that are not told of; they are counted as filtered."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "System calls that fail, by error, process and call: the first of each sort at once, then how many.",
        schemas: [failed],
        options: [ignore, .window],
        tracepoints: [Tracepoint(raw: "sys_exit")],
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        apply: { (object, options) throws(KernelError) in
            var words: [8 of UInt64] = .init(repeating: 0)
            for name in options.list(ignore) {
                guard let number = KernelNames.errors.firstIndex(of: name) else { continue }
                words[number / 64] |= 1 << UInt64(number % 64)
            }
            try object.setVariable("ignored_errors", words)
        },
        windows: ["failures"]
    )

    private static let failed = EventSchema(
        EventKind(Int(TAPIO_KIND_SYSCALL_FAILED)),
        "syscall_failed",
        collector: name,
        priority: .normal,
        record: tapio_syscall.self,
        "A system call failed. The first of its sort in a window is an event, the others are merged in the kernel.",
        fields: [
            Field(
                .systemCall,
                .code(at: offset(\tapio_syscall.number), names: KernelNames.systemCalls),
                absent: .allOnes
            ),
            Field(.errno, .uint32(at: offset(\tapio_syscall.error))),
            Field(.error, .code(at: offset(\tapio_syscall.error), names: KernelNames.errors)),
        ],
        aggregation: Aggregation(
            by: ["cgroup_id", "uid", "pid", "ppid", "comm", "syscall", "errno", "error"],
            isInKernel: true
        )
    )
}
