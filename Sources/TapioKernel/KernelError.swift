import Glibc

/// What the kernel or libbpf refused, of which object, and what can be done: one line.
public struct KernelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The errno; 0 where there is none.
    public var code: Int32
    /// What was tried, such as "load" or "create ring map".
    public var action: String
    /// Which object, map or program; with its object in front where there is one ("process/process_exec").
    public var subject: String
    /// What to do about it.
    public var remedy: String
    /// The end of what libbpf and the verifier said, at most 4,096 bytes; empty where they were silent.
    public var log: String

    /// An error with the remedy that its errno suggests, unless one is given.
    public init(code: Int32, action: String, subject: String, remedy: String? = nil, log: String = "") {
        self.code = code
        self.action = action
        self.subject = subject
        self.remedy = remedy ?? Self.remedy(for: code)
        self.log = log
    }

    /// One line without the log.
    public var description: String {
        let reason = code == 0 ? "" : ": \(Self.message(code)) (errno \(code))"
        return "cannot \(action) \(subject)\(reason)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }

    /// The C library's text for an errno.
    static func message(_ code: Int32) -> String {
        // Static text, or a buffer of this thread (glibc 2.32 and later).
        guard let text = unsafe strerror(code) else { return "unknown error" }
        return unsafe String(cString: text)
    }

    private static func remedy(for code: Int32) -> String {
        switch code {
        case EPERM: "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and check kernel lockdown"
        case EACCES: "run as root, or grant CAP_PERFMON, and where kernel.perf_event_paranoid is above 2 CAP_SYS_ADMIN"
        case ENOENT, ESRCH: "this kernel lacks it"
        case ENOMEM: "make the rings smaller, or raise the memory limit of the agent's cgroup"
        case EMFILE, ENFILE: "raise the limit of open files"
        case EOPNOTSUPP, ENOSYS: "this kernel does not support it"
        default: ""
        }
    }
}
