import ArgumentParser
import Glibc
import TapioAgent
import TapioArchive
import TapioEvents

struct BugreportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bugreport",
        abstract: "Bundle what somebody needs to find out what is wrong.",
        discussion: """
            Writes one tar.zst: doctor, the configuration that holds, status and ledger of the running agent, its log as \
            far as it can be found, versions, kernel and mounts, names and sizes of the archive's files. No events. \
            Secrets are removed: values of keys that name one, user parts of URLs, tokens, passwords and private keys. \
            Needs neither an agent nor root; what is missing without them is said, and stands in the MANIFEST inside.

            Only its owner may read the file. An existing one is replaced with --force alone. `-o -` writes to standard \
            output, as out of a container.

            EXAMPLES
              sudo tapio bugreport
              kubectl exec POD -- tapio bugreport -o - > report.tar.zst
              tapio bugreport -o /tmp/report.tar.zst --force
              tar --zstd -xOf report.tar.zst --wildcards '*/MANIFEST'
            """
    )

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The file to write; - is standard output. Default: tapio-bugreport-<node>-<time>.tar.zst in this directory.",
            valueName: "file"
        )
    )
    var output: String?

    @Flag(help: "Replace the file if it is there.")
    var force = false

    @Option(help: ArgumentHelp("The archive whose files are listed.", valueName: "path"))
    var archive: String?

    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var agent: AgentOptions

    func run() throws {
        let now = ClockOffset.measure().utcMicroseconds(boot: ClockOffset.bootNow()) / 1_000_000
        // Before the work: a name that is taken is known at once.
        let isPiped = output == "-"
        if isPiped && isatty(STDOUT_FILENO) != 0 {
            throw CommandFailure(
                .usage,
                "a report is no text for a terminal: send it on with | or >, or name a file with -o"
            )
        }
        if let output { try target(output).check() }
        let report = BugReport.collect(source, agent, archive: archive)
        let name = "tapio-bugreport-\(BugreportCommand.plain(report.node))-\(BugreportCommand.stamp(now))"
        let path = output ?? name + ".tar.zst"
        guard let bytes = ZstdFrame.compress(report.tar(directory: name, time: max(0, now))) else {
            throw CommandFailure(.failed, "no memory to compress the report")
        }
        // Once more: collecting takes a while.
        try target(path).check()
        try target(path).write(bytes)
        for line in report.missing { StandardError.line("tapio: note: not in it: " + TerminalText.escape(line)) }
        if isPiped { return }
        let out = Output()
        try out.line("\(TerminalText.escape(path)) (\(HumanUnits.bytes(Int64(bytes.count))))")
        try out.flush()
    }

    private func target(_ path: String) -> ReportTarget {
        ReportTarget(path: path, isReplacing: force, access: .owner)
    }

    /// A node's name as part of a file's: letters, digits, `.`, `_` and `-`, at most 63.
    static func plain(_ node: String) -> String {
        let text = node.unicodeScalars.prefix(63).map { scalar in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain || "._-".unicodeScalars.contains(scalar) ? Character(scalar) : "_"
        }
        return text.isEmpty ? "node" : String(text)
    }

    /// 20260304T050607Z.
    private static func stamp(_ seconds: Int64) -> String {
        String(HumanTime.rfc3339(seconds: seconds).filter { $0 != "-" && $0 != ":" })
    }
}
