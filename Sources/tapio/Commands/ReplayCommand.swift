import ArgumentParser
import TapioAgent
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioPipeline

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Feed a recording of tapio run --record through the pipeline, into an archive.",
        discussion: """
            Records are checked, merged, encoded and archived as in the agent that recorded them, with its configuration \
            and what it had found out of each record. It needs no root and no BPF. The same version and the same recording \
            give the same files, byte for byte; they have the agent's rows, but in row groups and segments that end by \
            the recording's clock alone.

            All of the recording is checked before anything is written. Exit code 3 when it lacks records that found no \
            place in it: the archive's ledger counts them as lost (not_recorded).

            EXAMPLES
              sudo tapio run --for 1m --record trouble.tapiorec
              tapio replay trouble.tapiorec --archive ./replayed
              tapio verify ./replayed
            """
    )

    @Argument(help: ArgumentHelp("The recording.", valueName: "file"))
    var recording: String

    @Option(help: ArgumentHelp("The archive that is written; it has nothing of that node yet.", valueName: "dir"))
    var archive: String

    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var path: String
        var node: String
        var records: UInt64
        var dropped: UInt64
        var malformed: UInt64
        var rows: UInt64
        var segments: Int
    }

    func run() throws {
        var progress = ScanProgress()
        defer { progress.clear() }
        let report: Replay.Report
        do {
            report = try Replay(registry: CollectorRegistry.schemas).run(recording, into: archive) { done, total in
                progress.update(done: done, of: total, "replaying")
            }
        } catch let error as RecordingError {
            throw CommandFailure(.failed, TerminalText.escape(error.description))
        } catch let error as ArchiveOpenError {
            throw CommandFailure(.failed, TerminalText.escape("\(error)"))
        } catch let error as ArchiveWriteError {
            throw CommandFailure(.failed, TerminalText.escape("\(error)"))
        } catch let error as FileError {
            throw ArchiveAccess.failure(error, path: archive)
        }
        progress.clear()
        try tell(report)
        if report.dropped > 0 { throw ExitStatus.incomplete.code }
    }

    private func tell(_ report: Replay.Report) throws {
        let out = Output()
        if output.json {
            let answer = Answer(
                path: archive,
                node: report.node,
                records: report.records,
                dropped: report.dropped,
                malformed: report.malformed,
                rows: report.rows,
                segments: report.segments
            )
            try out.line(JSONOutput.text(answer))
            return try out.flush()
        }
        let records = HumanUnits.count(Int64(clamping: report.records))
        let rows = HumanUnits.count(Int64(clamping: report.rows))
        let segments = "\(report.segments) segment\(report.segments == 1 ? "" : "s")"
        try out.line("\(records) records → \(rows) rows, \(segments) in \(TerminalText.escape(archive))")
        try out.flush()
        if report.malformed > 0 {
            let count = HumanUnits.count(Int64(clamping: report.malformed))
            StandardError.line("tapio: note: \(count) records were refused, as they were by the agent")
        }
        if report.dropped > 0 {
            let count = HumanUnits.count(Int64(clamping: report.dropped))
            StandardError.line("tapio: note: incomplete: \(count) records found no place in the recording")
        }
    }
}
