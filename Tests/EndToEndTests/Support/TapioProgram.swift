import Glibc
import TapioTestSupport

/// The program under test: built beside the tests.
enum TapioProgram {
    /// What a command printed, and how it ended.
    struct Result {
        let ending: ChildProcess.Ending
        let output: String
        let errors: String

        var exitCode: Int32? {
            if case .exited(let code) = ending { code } else { nil }
        }
        var errorLines: [Substring] { errors.split(separator: "\n") }
    }

    /// `tapio` in the directory of the running test executable.
    static let path: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        precondition(count > 0, "no /proc")
        let executable = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(executable[..<executable.lastIndex(of: "/")!]) + "/tapio"
    }()

    /// Runs a command to its end, for at most a minute.
    static func run(
        _ arguments: [String],
        through wrapper: [String] = [],
        environment: [String: String] = [:]
    ) throws -> Result {
        let place = TemporaryDirectory()
        let line = wrapper + [path] + arguments
        let child = try ChildProcess(line[0], Array(line.dropFirst()), environment: environment, directory: place)
        guard let ending = child.wait(seconds: 60) else {
            throw AgentFailure("tapio \(arguments.joined(separator: " ")) does not end: \(child.errors)")
        }
        return Result(ending: ending, output: child.output, errors: child.errors)
    }
}
