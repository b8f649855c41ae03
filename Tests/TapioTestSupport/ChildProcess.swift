import Glibc

/// A process that a test started: its output goes to files, and it is ended and reaped whatever happens.
public final class ChildProcess {
    /// How a process ended.
    public enum Ending: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Why a process could not be started.
    public struct SpawnError: Error, CustomStringConvertible {
        /// What could not be started, and why.
        public let description: String
    }

    /// The process id.
    public let pid: pid_t
    private let outputPath: String
    private let errorPath: String
    private var ending: Ending?

    /// Starts `path` (or a name looked up in PATH) with `arguments`, given as bytes so that they may be anything but NUL.
    public init(
        _ path: String,
        rawArguments arguments: [[UInt8]],
        environment: [String: String] = [:],
        directory: TemporaryDirectory
    ) throws {
        let id = ChildProcess.nextID()
        outputPath = directory.path + "/\(id).out"
        errorPath = directory.path + "/\(id).err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // A clean signal mask and default dispositions, whatever the test runner has.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var variables = ChildProcess.inheritedEnvironment()
        variables.merge(environment) { $1 }
        let argv = ChildProcess.cStrings([Array(path.utf8)] + arguments)
        let envp = ChildProcess.cStrings(variables.map { Array("\($0)=\($1)".utf8) })
        defer {
            argv.forEach { free($0) }
            envp.forEach { free($0) }
        }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, path, &actions, &attributes, argv + [nil], envp + [nil])
        guard code == 0 else {
            throw SpawnError(description: "cannot start \(path): \(String(cString: strerror(code)))")
        }
        self.pid = pid
    }

    /// Starts `path` with `arguments`.
    public convenience init(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        directory: TemporaryDirectory
    ) throws {
        try self.init(
            path,
            rawArguments: arguments.map { Array($0.utf8) },
            environment: environment,
            directory: directory
        )
    }

    deinit {
        if ending == nil {
            kill(pid, SIGKILL)
            _ = wait()
        }
    }

    /// Sends a signal.
    public func signal(_ number: Int32) {
        if ending == nil { kill(pid, number) }
    }

    /// Waits until it ends.
    @discardableResult
    public func wait() -> Ending {
        if let ending { return ending }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return end(status)
    }

    /// Waits at most that long; nil while it runs.
    public func wait(seconds: Double) -> Ending? {
        if let ending { return ending }
        let limit = Deadline(seconds: seconds)
        while true {
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid { return end(status) }
            if limit.isOver { return nil }
            usleep(2_000)
        }
    }

    private func end(_ status: Int32) -> Ending {
        let result: Ending = status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
        ending = result
        return result
    }

    /// What it wrote to standard output so far.
    public var output: String { String(decoding: TestFile.read(outputPath) ?? [], as: UTF8.self) }

    /// What it wrote to standard error so far.
    public var errors: String { String(decoding: TestFile.read(errorPath) ?? [], as: UTF8.self) }

    private static func cStrings(_ strings: [[UInt8]]) -> [UnsafeMutablePointer<CChar>?] {
        strings.map { bytes in
            let copy = malloc(bytes.count + 1)!.assumingMemoryBound(to: CChar.self)
            for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[bytes.count] = 0
            return copy
        }
    }

    private static func inheritedEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                // What configures the tests, or an agent of whoever runs them, is not for a program under test.
                let name = String(text[..<equals])
                if !name.hasPrefix("TAPIO_") { variables[name] = String(text[text.index(after: equals)...]) }
            }
            pointer += 1
        }
        return variables
    }

    private static func nextID() -> String {
        "\(UInt64.random(in: 0...UInt64.max))"
    }
}
