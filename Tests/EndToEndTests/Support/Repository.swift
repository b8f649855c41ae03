import Foundation
import Glibc
import TapioTestSupport

/// What is shipped beside the program, and the tools that look at it.
enum Repository {
    /// The package's directory.
    static let root = String(#filePath.prefix(upTo: #filePath.range(of: "/Tests/")!.lowerBound))

    /// Whether everything has to be there: a tool that lacks fails its test.
    static var isCI: Bool { ProcessInfo.processInfo.environment["CI"] == "true" }

    /// What `make release` builds, which CI does before it tests.
    static let releasePath = root + "/.build/release/tapio"

    /// The environment of .ci/python-venv.
    static let python = (getenv("TAPIO_TEST_VENV").map { String(cString: $0) } ?? root + "/.build-venv") + "/bin/python"

    static func has(_ program: String) -> Bool {
        isCI || ["/usr/bin/", "/bin/", "/usr/sbin/"].contains { access($0 + program, X_OK) == 0 }
    }

    /// A file's text; empty where it is not there.
    static func text(_ path: String) -> String {
        String(decoding: TestFile.read("\(root)/\(path)") ?? [], as: UTF8.self)
    }

    /// Runs a script of bash in the package's directory, for at most two minutes; it ends at the first command that fails.
    static func shell(_ script: String, _ arguments: [String] = []) throws -> TapioProgram.Result {
        let place = TemporaryDirectory()
        let child = try ChildProcess(
            "/bin/bash",
            ["-ec", "set -o pipefail; cd \"$0\"; \(script)", root] + arguments,
            directory: place
        )
        guard let ending = child.wait(seconds: 120) else {
            child.signal(SIGKILL)
            throw AgentFailure("does not end: \(script)")
        }
        return TapioProgram.Result(ending: ending, output: child.output, errors: child.errors)
    }
}
