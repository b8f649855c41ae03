import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that an archive is whole and that its sums add up.",
        discussion: """
            Reads every byte: the checksum of each frame, the order and number of row groups and rows, the footer \
            that other tools read. Then the ledger rows are held against the events that are there. Damage is told \
            with its place. Exit code 1 when something is damaged, 3 when all is whole but events are known to be \
            missing (gaps).

            EXAMPLES
              tapio verify
              tapio verify ./tapio-archive
              tapio verify broken.parquet --json | jq '.segments[].problems'
            """
    )

    @Argument(
        help: ArgumentHelp("An archive, a node's directory, or one file. Default: as --archive.", valueName: "path")
    )
    var path: String?

    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var path: String
        var isWhole: Bool
        var segments: [Entry]
        var warnings: [String]
    }

    private struct Entry: Encodable {
        var path: String
        var state: String
        var bytes: Int64
        var rows: Int64
        var lostBytes: Int64
        var rowsLost: Int64
        var isRowsLostExact: Bool
        var problems: [Problem]
    }

    private struct Problem: Encodable {
        var kind: String
        var offset: Int64
        var detail: String
    }

    func run() throws {
        let path = try path ?? archive.path()
        let files = try SegmentFiles.find(path)
        let total = files.reduce(0) { $0 + SegmentFiles.size($1) }
        var done: Int64 = 0
        var progress = ScanProgress()
        var verdicts: [SegmentVerdict] = []
        var warnings: [String] = []
        for file in files {
            progress.update(done: done, of: total, "verifying")
            done += SegmentFiles.size(file)
            do {
                let verdict = try SegmentVerifier().verify(file)
                if verdict.state == .foreign && !SegmentFiles.isOurs(file) {
                    warnings.append("\(file): not a segment of an archive, not checked")
                } else {
                    verdicts.append(verdict)
                }
            } catch  where error.code == ENOENT && files.count > 1 {
                // Sealed or deleted meanwhile. A sealed one has a new name, under which it can be checked.
                let sealed = String(file.dropLast(SegmentFiles.isOpen(file) ? ".part".count : 0))
                if let verdict = try? SegmentVerifier().verify(sealed) { verdicts.append(verdict) }
            } catch {
                progress.clear()
                throw ArchiveAccess.failure(error, path: file)
            }
        }
        progress.clear()
        let isWhole = !verdicts.contains { VerifyCommand.isDamaged($0) }
        let out = Output()
        if output.json {
            let entries = verdicts.map(VerifyCommand.entry)
            try out.line(JSONOutput.text(Answer(path: path, isWhole: isWhole, segments: entries, warnings: warnings)))
        } else {
            for line in lines(verdicts, path: path) { try out.line(line) }
        }
        try out.flush()
        if !output.json { for warning in warnings { StandardError.warning(TerminalText.escape(warning)) } }
        if !isWhole { throw ExitStatus.failed.code }
        if !warnings.isEmpty { throw ExitStatus.incomplete.code }
    }

    private static func isDamaged(_ verdict: SegmentVerdict) -> Bool {
        switch verdict.state {
        case .sealed, .open: false
        default: true
        }
    }

    private static func entry(_ verdict: SegmentVerdict) -> Entry {
        Entry(
            path: verdict.path,
            state: verdict.state.rawValue,
            bytes: verdict.bytes,
            rows: verdict.totals.rows,
            lostBytes: verdict.lostBytes,
            rowsLost: verdict.rowsLost,
            isRowsLostExact: verdict.isRowsLostExact,
            problems: verdict.problems.map { Problem(kind: $0.kind.rawValue, offset: $0.offset, detail: $0.detail) }
        )
    }

    private func lines(_ verdicts: [SegmentVerdict], path: String) -> [String] {
        let paint = output.paint
        var lines: [String] = []
        for verdict in verdicts where VerifyCommand.isDamaged(verdict) {
            let said = TerminalText.escapeLines("\(verdict)")
            lines.append(paint(.red, "✗ ") + (said.first ?? ""))
            lines += said.dropFirst().map { "    " + $0 }
        }
        let damaged = verdicts.filter(VerifyCommand.isDamaged).count
        let rows = HumanUnits.count(verdicts.reduce(0) { $0 + $1.totals.rows })
        let bytes = HumanUnits.bytes(verdicts.reduce(0) { $0 + $1.bytes })
        let count = "\(verdicts.count) segment\(verdicts.count == 1 ? "" : "s")"
        let shown = TerminalText.escape(path)
        if damaged == 0 {
            lines.append(paint(.green, "✓ whole: ") + "\(count), \(rows) rows, \(bytes) in \(shown)")
        } else {
            lines.append(
                "\(damaged) of \(count) damaged; \(rows) rows are whole. tapio repair \(shown) saves them to a copy."
            )
        }
        return lines
    }
}

extension TerminalText {
    /// Each line of a text, escaped.
    static func escapeLines(_ text: String) -> [String] {
        text.split(separator: "\n").map { escape(String($0)) }
    }
}
