import Foundation
import Glibc
import TapioRings

/// A generator, as the benchmark sees it: this program in a process of its own, so that what it costs is not the agent's.
struct GeneratorProcess: Sendable {
    let pid: Int32
    private let toGenerator: Int32
    private let fromGenerator: Int32

    /// Starts the process, and returns when it waits for its start signal.
    ///
    /// - Parameter programDescriptor: The program that emits, if the load needs one.
    init(_ order: GeneratorOrder, programDescriptor: Int32?) throws {
        let (itsInput, toGenerator) = try Self.pipe()
        let (fromGenerator, itsOutput) = try Self.pipe()
        defer {
            close(itsInput)
            close(itsOutput)
        }
        self.toGenerator = toGenerator
        self.fromGenerator = fromGenerator
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, itsInput, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, itsOutput, STDOUT_FILENO)
        if let programDescriptor {
            unsafe posix_spawn_file_actions_adddup2(&actions, programDescriptor, GeneratorOrder.programDescriptor)
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe (["tapio"] + order.arguments).map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, nil, &arguments, environ)
        guard result == 0 else { throw GeneratorError("cannot start a generator", errno: result) }
        self.pid = pid
        var byte: UInt8 = 0
        guard unsafe read(fromGenerator, &byte, 1) == 1 else { throw GeneratorError("a generator did not get ready") }
    }

    /// The start signal.
    func start() {
        _ = unsafe write(toGenerator, "g", 1)
        close(toGenerator)
    }

    /// Ends it at once, whatever it is doing, and says whether it was still at work. There is no report then.
    func end() -> Bool {
        close(fromGenerator)
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        // The signal's number is in the low bits only where the signal is what ended it.
        return status & 0x7f == SIGKILL
    }

    /// Waits for its end without holding up others.
    func report() async throws -> GeneratorReport {
        try await withCheckedThrowingContinuation { continuation in
            do {
                _ = try PinnedThread(name: "bench-wait") { continuation.resume(with: Result { try waitForReport() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Waits for its end.
    func waitForReport() throws -> GeneratorReport {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe read(fromGenerator, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            text += buffer[..<count]
        }
        close(fromGenerator)
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw GeneratorError("a generator failed (wait status \(status)); its error is above")
        }
        return try JSONDecoder().decode(GeneratorReport.self, from: Data(text))
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw GeneratorError("cannot make a pipe", errno: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
