import Glibc
import Logging

/// tracefs, which attaching to classic tracepoints needs. Most systems mount it at boot; minimal ones and containers may not.
enum TraceFileSystem {
    private static let mountPoint = "/sys/kernel/tracing"
    private static let places = [mountPoint, "/sys/kernel/debug/tracing"]

    /// Mounts it where it belongs, if it is nowhere. A refusal is not fatal: the collectors that need it say so.
    static func mountIfMissing(logger: Logger) {
        // With what the process may do now: access(2) asks for its real user, without capabilities.
        if places.contains(where: { unsafe faccessat(AT_FDCWD, $0 + "/events", F_OK, AT_EACCESS) == 0 }) { return }
        if unsafe mount("tracefs", mountPoint, "tracefs", 0, nil) == 0 {
            logger.notice("mounted tracefs on \(mountPoint), which was missing")
        } else {
            let reason = unsafe String(cString: strerror(errno))
            logger.warning("tracefs is not mounted and cannot be (\(reason)): mount -t tracefs tracefs \(mountPoint)")
        }
    }
}
