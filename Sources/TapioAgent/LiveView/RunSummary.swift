import TapioEvents
import TapioQuery

/// What `tapio run` says at its end: what was seen, what was lost, where it is and how to ask it.
public struct RunSummary: Sendable {
    /// The last snapshot.
    public var report: StatusReport
    /// How to call this program in the examples.
    public var program = "tapio"

    /// A summary of the run that ended with `report`.
    public init(_ report: StatusReport) {
        self.report = report
    }

    /// The lines, without colours when not wanted.
    public func lines(usesColour: Bool) -> [String] {
        func paint(_ style: TerminalStyle, _ text: String) -> String { usesColour ? style.paint(text) : text }
        var total = LedgerEntry()
        var inFlight: Int64 = 0
        for line in report.ledger {
            total.add(line.counts)
            inFlight += line.inFlight
        }
        let time = HumanUnits.duration(ns: (report.takenAt &- report.startedAt) &* 1000)
        var lines = ["Saw \(count(total.attempted)) events in \(time)."]
        let kinds = report.ledger.filter { !$0.counts.isEmpty }.sorted { $0.counts.attempted > $1.counts.attempted }
        let width = kinds.map { TerminalText.width(of: TerminalText.escape($0.kind, limit: 40)) }.max() ?? 0
        for line in kinds {
            let name = TerminalText.escape(line.kind, limit: 40)
            let pad = String(repeating: " ", count: width - TerminalText.width(of: name))
            let number = count(line.counts.attempted)
            let text = "  \(name)\(pad)  \(String(repeating: " ", count: max(0, 12 - number.count)))\(number)"
            let rest = RunSummary.fates(line.counts, inFlight: line.inFlight).map { paint($0.style, $0.text) }
            lines.append(text + (rest.isEmpty ? "" : "  " + rest.joined(separator: ", ")))
        }
        let violations = report.ledger.flatMap { line in line.violations.map { "\(line.kind): \($0)" } }
        if !violations.isEmpty {
            lines.append(paint(.red, "The ledger does not close:"))
            lines += violations.map { "  " + TerminalText.escape($0, limit: 200) }
        } else if total.lost == 0 {
            lines.append(paint(.green, "Nothing was lost: the ledger closes."))
        } else {
            lines.append(
                paint(.red, "\(count(total.lost)) were lost; the ledger closes, and the archive says which and when.")
            )
        }
        return lines + [""] + archiveLines(paint)
    }

    /// What became of a kind's events beside being archived.
    static func fates(_ counts: LedgerEntry, inFlight: Int64) -> [(text: String, style: TerminalStyle)] {
        let named: [(UInt64, String, TerminalStyle)] = [
            (counts.filtered, "filtered", .plain), (counts.sampledOut, "sampled out", .plain),
            (counts.aggregated, "aggregated", .plain), (counts.ringFull, "lost to full rings", .red),
            (counts.malformed, "malformed", .red), (counts.shed, "shed", .red), (counts.failed, "failed", .red),
        ]
        var fates = named.filter { $0.0 > 0 }
            .map { (text: "\(HumanUnits.count(Int64(clamping: $0.0))) \($0.1)", style: $0.2) }
        if inFlight != 0 { fates.append(("\(HumanUnits.count(inFlight)) in flight", .yellow)) }
        return fates
    }

    private func archiveLines(_ paint: (TerminalStyle, String) -> String) -> [String] {
        let archive = report.archive
        guard !archive.path.isEmpty else { return [] }
        var size = "\(HumanUnits.bytes(Int64(clamping: archive.bytesWritten)))"
        if archive.rowsWritten > 0 {
            let perRow = HumanUnits.decimal(Double(archive.bytesWritten) / Double(archive.rowsWritten), decimals: 1)
            size += " for \(count(archive.rowsWritten)) rows, \(perRow) bytes each"
        }
        let path = ShellText.quoted(archive.path)
        let files = SQLDialect.duckdb.literal(archive.path + "/**/*.parquet")
        let duckDB = "SELECT kind, count(*) FROM \(files) GROUP BY ALL ORDER BY 2 DESC"
        return [
            "The archive is \(TerminalText.escape(archive.path)) (\(size)). Ask it:", "",
            paint(.bold, "  \(program) query --archive \(path) --by kind"),
            paint(.bold, "  \(program) query --archive \(path) 'kind = process_exec' --by comm --top 10"),
            paint(.bold, "  duckdb -c \(ShellText.quoted(duckDB))"),
        ]
    }

    private func count(_ value: UInt64) -> String { HumanUnits.count(Int64(clamping: value)) }
}
