import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Save what is whole of damaged segments to copies beside them.",
        discussion: """
            Of each damaged file, every whole row group goes into a new, sealed segment beside it; then the damaged \
            file is renamed to ….corrupt. Nothing is deleted, and whole files are left alone. An open segment is \
            left to the agent: it recovers what a crash left behind when it starts. Exit code 3 when rows could not \
            be saved.

            EXAMPLES
              tapio repair ./tapio-archive
              tapio repair "$(tapio ls --paths | head -1)"
            """
    )

    @Argument(help: ArgumentHelp("A segment, a node's directory, or an archive.", valueName: "path"))
    var path: String

    @Flag(help: "Also segments that look open. Only while no agent writes there.")
    var includeOpen = false

    @OptionGroup var output: OutputOptions

    private struct Entry: Encodable {
        var path: String
        var repairedPath: String?
        var corruptPath: String?
        var rowsSaved: Int64
        var rowsLost: Int64
        var isRowsLostExact: Bool
    }

    func run() throws {
        let files = try SegmentFiles.find(path)
        let total = files.reduce(0) { $0 + SegmentFiles.size($1) }
        var done: Int64 = 0
        var progress = ScanProgress()
        var reports: [RepairReport] = []
        var skipped = 0
        for file in files {
            progress.update(done: done, of: total, "checking")
            done += SegmentFiles.size(file)
            if SegmentFiles.isOpen(file) && !includeOpen {
                skipped += 1
                continue
            }
            do {
                let report = try SegmentRepair().repair(file)
                if report.verdict.state != .sealed { reports.append(report) }
            } catch {
                progress.clear()
                throw ArchiveAccess.failure(error, path: file)
            }
        }
        progress.clear()
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(reports.map(RepairCommand.entry)))
        } else {
            for report in reports { for line in TerminalText.escapeLines("\(report)") { try out.line(line) } }
            let count = files.count - skipped
            if reports.isEmpty {
                try out.line("nothing to repair: \(count) segment\(count == 1 ? " is" : "s are") whole")
            }
            if skipped > 0 { try out.line("\(skipped) open left alone: the agent recovers them when it starts") }
        }
        try out.flush()
        if reports.contains(where: { $0.verdict.rowsLost > 0 || !$0.verdict.isRowsLostExact || $0.repairedPath == nil })
        {
            throw ExitStatus.incomplete.code
        }
    }

    private static func entry(_ report: RepairReport) -> Entry {
        Entry(
            path: report.verdict.path,
            repairedPath: report.repairedPath,
            corruptPath: report.corruptPath,
            rowsSaved: report.rowsSaved,
            rowsLost: report.verdict.rowsLost,
            isRowsLostExact: report.verdict.isRowsLostExact
        )
    }
}
