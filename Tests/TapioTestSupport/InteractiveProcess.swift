import Glibc
import Synchronization

/// A process that a test started, with pipes to its standard input and output. It is killed, if it still runs, and
/// reaped with its object.
public final class InteractiveProcess {
    /// Its process id.
    public let pid: pid_t
    private let input: UnsafeMutablePointer<FILE>
    private let output: UnsafeMutablePointer<FILE>
    private var status: Int32?

    /// Starts `arguments[0]`, looked up in PATH. Standard error is the test's.
    public init(_ arguments: [String]) throws(ProcessFailure) {
        // No other child may inherit these pipes before they are marked: it would keep them open.
        let (child, toChild, fromChild) = try Self.spawning.withLock { _ throws(ProcessFailure) in
            let pipes = (try Self.makePipe(), try Self.makePipe())
            return (try Self.spawn(arguments, input: pipes.0, output: pipes.1), pipes.0.write, pipes.1.read)
        }
        pid = child
        input = fdopen(toChild, "w")
        output = fdopen(fromChild, "r")
    }

    private static let spawning = Mutex<Void>(())
    private typealias Pipe = (read: Int32, write: Int32)

    private static func makePipe() throws(ProcessFailure) -> Pipe {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ProcessFailure("cannot make a pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(_ arguments: [String], input: Pipe, output: Pipe) throws(ProcessFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.read, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output.write, STDOUT_FILENO)
        var child: pid_t = 0
        let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        let code = posix_spawnp(&child, arguments[0], &actions, nil, argv, environ)
        close(input.read)
        close(output.write)
        guard code == 0 else {
            close(input.write)
            close(output.read)
            throw ProcessFailure("cannot start \(arguments[0]): errno \(code)")
        }
        return child
    }

    deinit {
        fclose(input)
        fclose(output)
        if status == nil {
            kill(pid, SIGKILL)
            _ = reap()
        }
    }

    /// Writes a line to its standard input.
    public func write(_ line: String) {
        fputs(line + "\n", input)
        fflush(input)
    }

    /// The next line of its standard output, without the newline; nil at the end.
    public func readLine() -> String? {
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        let count = getline(&line, &capacity, output)
        guard count > 0, let line else { return nil }
        let bytes = UnsafeRawBufferPointer(start: line, count: count)
        return String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    /// Waits for its end and gives its exit code; 128 and the signal where one ended it.
    public func wait() -> Int32 {
        let status = status ?? reap()
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    private func reap() -> Int32 {
        var result: Int32 = 0
        while waitpid(pid, &result, 0) < 0, errno == EINTR {}
        status = result
        return result
    }

    /// Runs a command to its end; throws what it printed if its exit code is not 0.
    @discardableResult
    public static func run(_ arguments: [String]) throws(ProcessFailure) -> String {
        let process = try InteractiveProcess(arguments)
        var printed: [String] = []
        while let line = process.readLine() { printed.append(line) }
        let code = process.wait()
        let text = printed.joined(separator: "\n")
        guard code == 0 else {
            throw ProcessFailure("\(arguments.joined(separator: " ")): exit code \(code) \(text)")
        }
        return text
    }
}

/// Why a command could not be run.
public struct ProcessFailure: Error, CustomStringConvertible {
    /// What went wrong.
    public let description: String

    /// A failure in words.
    public init(_ description: String) {
        self.description = description
    }
}
