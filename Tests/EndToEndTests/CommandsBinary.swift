import Foundation
import Testing

/// The built program, run as a person runs it.
enum CommandsBinary {
    /// What became of a run.
    struct Result {
        var status: Int32
        var output: String
        var error: String
    }

    /// Beside the tests' own executable.
    static let path: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (own as NSString).deletingLastPathComponent + "/tapio"
    }()

    /// Runs it to its end with these arguments and nothing of the machine's configuration.
    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Result {
        try run(executable: path, arguments, environment: environment)
    }

    /// Runs a shell command with the program as `$TAPIO`, and a pipe's failure as the whole's.
    static func shell(_ command: String) throws -> Result {
        try run(executable: "/bin/bash", ["-c", "set -o pipefail; " + command], environment: ["TAPIO": path])
    }

    private static func run(
        executable: String,
        _ arguments: [String],
        environment: [String: String]
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        var variables = ["PATH": "/usr/bin:/bin", "HOME": "/", "LD_LIBRARY_PATH": ""]
        if let libraries = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] {
            variables["LD_LIBRARY_PATH"] = libraries
        }
        // No agent and no archive of the machine's own.
        variables["TAPIO_CONTROL_SOCKET"] = "/nonexistent/tapio.sock"
        variables["TAPIO_ARCHIVE_PATH"] = "/nonexistent/archive"
        process.environment = variables.merging(environment) { $1 }
        // Files, not pipes: neither can fill up while the other is read.
        let directory = FileManager.default.temporaryDirectory
        let outputURL = directory.appendingPathComponent("tapio-\(UUID().uuidString).out")
        let errorURL = directory.appendingPathComponent("tapio-\(UUID().uuidString).err")
        defer {
            try? FileManager.default.removeItem(at: outputURL)
            try? FileManager.default.removeItem(at: errorURL)
        }
        for url in [outputURL, errorURL] { try Data().write(to: url) }
        process.standardOutput = try FileHandle(forWritingTo: outputURL)
        process.standardError = try FileHandle(forWritingTo: errorURL)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: outputURL), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: errorURL), as: UTF8.self)
        )
    }
}
