import ArgumentParser
import Glibc
import TapioAgent
import TapioEvents

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "The version of this program, and what it runs on.",
        discussion: """
            EXAMPLES
              tapio version
              tapio version --json | jq -r .version
            """
    )

    @OptionGroup var output: OutputOptions

    private struct Facts: Encodable {
        var version = TapioVersion.current
        var commit: String?
        var swift: String
        var kernel: String
        var architecture: String
    }

    func run() throws {
        var name = utsname()
        unsafe uname(&name)
        let facts = Facts(
            commit: BuildFacts.commit,
            swift: BuildFacts.swift,
            kernel: VersionCommand.text(of: name.release),
            architecture: VersionCommand.text(of: name.machine)
        )
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(facts))
        } else {
            let commit = facts.commit.map { " (\($0))" } ?? ""
            try out.line("tapio \(facts.version)\(commit)")
            try out.line("Swift \(facts.swift), Linux \(facts.kernel), \(facts.architecture)")
        }
        try out.flush()
    }

    /// A field of utsname: bytes up to a NUL.
    private static func text<Field>(of field: Field) -> String {
        unsafe withUnsafeBytes(of: field) { bytes in
            TerminalText.escape(bytes: unsafe Array(bytes.prefix { $0 != 0 }), limit: 200)
        }
    }
}

/// What is known of how this program was built.
enum BuildFacts {
    /// The commit; packagers set it.
    static let commit: String? = nil

    /// Whether it was built without optimisation.
    static var isDebug: Bool {
        #if DEBUG
            true
        #else
            false
        #endif
    }

    static var swift: String {
        #if compiler(>=6.4)
            "6.4 or later"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2 or earlier"
        #endif
    }
}
