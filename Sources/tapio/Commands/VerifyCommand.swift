import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents
import TapioQuery

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that an archive is whole and that its sums add up.",
        discussion: """
            First every byte is read: the checksum of each frame, the order and number of row groups and rows, the \
            footer that other tools read. Then the ledger is proven from its rows alone: in each segment the rows of \
            each kind are as many as were archived, and the events in its summaries as many as were aggregated; over \
            each run all that was attempted is accounted for, each loss has its gap rows, and where events were \
            sampled the weights add up to the exact total, within six standard errors of the sampling.

            Exit code 1 when something is damaged or does not add up, 3 when all of that holds but the ledger tells \
            of lost events, or files could not be checked.

            EXAMPLES
              tapio verify
              tapio verify ./tapio-archive
              tapio verify ./tapio-archive --json | jq '.segments[].problems'
            """
    )

    @Argument(
        help: ArgumentHelp("An archive, a node's directory, or one file. Default: as --archive.", valueName: "path")
    )
    var path: String?

    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        try ArchiveAccess.refuseTwo(path, archive)
    }

    func run() throws {
        let path = try path ?? archive.path()
        var report = try Verification.frames(path)
        // One file of somebody else's, or a directory of them, is refused as by the others.
        if report.verdicts.isEmpty { _ = try ArchiveAccess.reader(path) }
        try report.proveLedger()
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(report.document))
        } else {
            for line in report.lines(output.paint) { try out.line(line) }
            for warning in report.warnings { StandardError.warning(TerminalText.escape(warning)) }
        }
        try out.flush()
        if report.status != .ok { throw report.status.code }
    }
}
