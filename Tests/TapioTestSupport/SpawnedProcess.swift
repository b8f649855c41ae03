import Glibc

/// A process that a test started with posix_spawn.
public struct SpawnedProcess {
    /// Its pid.
    public let pid: Int32

    /// How a process ended.
    public enum Outcome: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Starts `path` with arguments of any bytes but NUL, `argv[0]` among them.
    public init(_ path: String, argv: [[UInt8]]) {
        var arguments: [UnsafeMutablePointer<CChar>?] = argv.map { bytes in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
            for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[bytes.count] = 0
            return copy
        }
        arguments.append(nil)
        defer { arguments.forEach { $0?.deallocate() } }
        // The threads of Swift's runtime block most signals, which their children would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var pid: pid_t = 0
        let result = posix_spawn(&pid, path, nil, &attributes, arguments, environ)
        precondition(result == 0, "cannot start \(path): errno \(result)")
        self.pid = pid
    }

    /// Starts `path` with text arguments, `argv[0]` among them.
    public init(_ path: String, _ argv: [String]) {
        self.init(path, argv: argv.map { Array($0.utf8) })
    }

    /// Waits for its end.
    @discardableResult
    public func wait() -> Outcome {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
    }
}
