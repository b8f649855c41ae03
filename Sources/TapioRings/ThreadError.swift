import Glibc

/// Why a thread could not be started as it was asked for.
public struct ThreadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What could not be done.
    public enum Step: Sendable, Equatable {
        /// The name is longer than the kernel's 15 bytes, or empty, or has a zero byte.
        case name
        /// The kernel refused a further thread.
        case create
        /// These CPUs do not exist, are offline, or the cpuset does not allow them.
        case pin(cpus: [Int])
        /// The priority was refused.
        case priority(ThreadPriority)
        /// Signals could not be blocked.
        case signals
    }

    /// The name that was asked for.
    public let thread: String
    /// What could not be done.
    public let step: Step
    /// The kernel's error number (`EINVAL`, `EPERM`, `EAGAIN`, …).
    public let errno: Int32

    /// What, which thread, why, and what to do, in one line.
    public var description: String {
        let reason = unsafe String(cString: strerror(errno))
        return switch step {
        case .name:
            "thread name '\(thread)' is refused: use 1 to \(PinnedThread.longestName) bytes, none of them zero"
        case .create:
            "thread '\(thread)' cannot start: \(reason); raise the limit of threads (ulimit -u, pids.max)"
        case .pin(let cpus):
            "thread '\(thread)' cannot run on CPUs \(cpus): \(reason); choose among the online CPUs of the cpuset"
        case .priority(let priority):
            "thread '\(thread)' cannot get priority \(priority): \(reason); needs CAP_SYS_NICE and a value in range"
        case .signals:
            "thread '\(thread)' cannot block signals: \(reason)"
        }
    }
}
