import TapioAgent
import TapioEvents

/// The ledger for people: a line for each kind, its sum, and whether it closes.
struct LedgerText {
    let report: StatusReport
    let paint: Paint

    init(_ report: StatusReport, paint: Paint) {
        self.report = report
        self.paint = paint
    }

    /// All that is in the identity; columns that are zero for every kind are left out, but for the ends.
    private static let counts: [(title: String, isLoss: Bool, count: @Sendable (LedgerEntry) -> UInt64)] = [
        ("FILTERED", false, { $0.filtered }), ("SAMPLED OUT", false, { $0.sampledOut }),
        ("RING FULL", true, { $0.ringFull }), ("MALFORMED", true, { $0.malformed }),
        ("AGGREGATED", false, { $0.aggregated }), ("SHED", true, { $0.shed }), ("FAILED", true, { $0.failed }),
    ]

    var table: [String] {
        let lines = report.ledger
        if lines.isEmpty { return ["  nothing was seen yet"] }
        let shown = LedgerText.counts.filter { column in lines.contains { column.count($0.counts) > 0 } }
        let isSampled = lines.contains { ($0.keep ?? 1) < 1 || ($0.rung ?? "full") != "full" }
        let now: [TextTable.Column] = isSampled ? [.left("NOW"), .right("KEPT")] : []
        var table = TextTable(
            [.left("KIND"), .left("PRIORITY")] + now + [.right("SEEN")] + shown.map { .right($0.title) }
                + [.right("ARCHIVED"), .right("IN FLIGHT"), .right("LOST"), .left("CLOSES")]
        )
        var total = LedgerEntry()
        var inFlight: Int64 = 0
        var isClosed = true
        for line in lines {
            let closes = line.violations.isEmpty
            let sampling = isSampled ? [line.rung ?? "", line.keep.map(LedgerText.kept) ?? ""] : []
            table.row(
                row(
                    line.kind,
                    line.priority,
                    sampling,
                    line.counts,
                    line.inFlight,
                    shown.map { $0.count },
                    closes: closes
                )
            )
            total.add(line.counts)
            inFlight += line.inFlight
            isClosed = isClosed && closes
        }
        if lines.count > 1 {
            let sampling = isSampled ? ["", ""] : []
            table.row(row("all", "", sampling, total, inFlight, shown.map { $0.count }, closes: isClosed))
        }
        return table.lines(paint, indent: "  ")
    }

    /// A probability for people: 1, 0.25, 0.0012, none.
    static func kept(_ probability: Double) -> String {
        if probability >= 1 { return "1" }
        if probability <= 0 { return "none" }
        return HumanUnits.decimal(probability, decimals: probability < 0.01 ? 5 : 3)
    }

    var violations: [String] {
        report.ledger.flatMap { line in
            line.violations.map { paint(.red, "  ! ") + TerminalText.escape("\(line.kind): \($0)", limit: 300) }
        }
    }

    private func row(
        _ kind: String,
        _ priority: String,
        _ sampling: [String],
        _ counts: LedgerEntry,
        _ inFlight: Int64,
        _ columns: [(LedgerEntry) -> UInt64],
        closes: Bool
    ) -> [(String, TerminalStyle)] {
        func text(_ value: UInt64) -> String { HumanUnits.count(Int64(clamping: value)) }
        var cells: [(String, TerminalStyle)] = [
            (kind, kind == "all" ? .bold : .plain), (priority, .plain),
        ]
        cells += sampling.map { ($0, $0 == "full" || $0 == "1" ? .plain : .yellow) }
        cells.append((text(counts.attempted), .plain))
        cells += columns.map { (text($0(counts)), .plain) }
        cells.append((text(counts.archived), .plain))
        cells.append((HumanUnits.count(inFlight), inFlight < 0 ? .red : .plain))
        cells.append((text(counts.lost), counts.lost > 0 ? .red : .plain))
        cells.append(closes ? ("yes", .green) : ("NO", .red))
        return cells
    }
}
