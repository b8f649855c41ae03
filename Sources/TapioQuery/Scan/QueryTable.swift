public import TapioEvents

/// What a scan did, and what its answer lacks.
public struct ScanSummary: Sendable, Hashable {
    /// Segments that were opened.
    public internal(set) var segmentsRead = 0
    /// Segments whose time range or kinds ruled them out.
    public internal(set) var segmentsSkipped = 0
    /// Row groups of which columns were read.
    public internal(set) var rowGroupsRead = 0
    /// Row groups whose bounds ruled them out.
    public internal(set) var rowGroupsSkipped = 0
    /// Rows of the groups that were read.
    public internal(set) var rowsScanned = 0
    /// Rows that passed the filter.
    public internal(set) var rowsMatched = 0
    /// Of those, the ones that stand for events that were sampled out: with any, counts, sums and percentiles are estimates.
    public internal(set) var sampledRows = 0
    /// Of those, the summaries: they count for all their events, and have no value in columns outside the grouping key.
    public internal(set) var summaryRows = 0
    /// Segments and row groups that could not be read, the first 100 of them.
    public internal(set) var damage: [Damage] = []
    /// How many there are.
    public internal(set) var damageCount = 0
    /// Rows in them, as far as is known.
    public internal(set) var rowsInDamage = 0
    /// By table beside the archive, its rows that found no room: what only they know stays null.
    public internal(set) var unjoinedRows: [String: Int] = [:]
    /// Whether the caller stopped it before its end.
    public internal(set) var isStopped = false

    /// Nothing yet.
    public init() {}

    /// Exit code of the command: 0, or 3 where the answer lacks what is damaged, or what a bound left out.
    public var exitCode: Int32 { damageCount > 0 || !unjoinedRows.isEmpty ? 3 : 0 }

    /// What a reader of the answer has to know, a line each, safe for a terminal.
    public var notes: [String] {
        var notes: [String] = []
        if sampledRows > 0 {
            let count = HumanUnits.count(Int64(sampledRows))
            notes.append("estimated: \(count) sampled rows in range stand for several events each (weight)")
        }
        if summaryRows > 0 {
            let count = HumanUnits.count(Int64(summaryRows))
            notes.append(
                "aggregated: \(count) rows in range are summaries; they count in full, but only agg_sum, agg_min, agg_max and agg_histogram tell of their measures"
            )
        }
        if damageCount > 0 {
            let rows = rowsInDamage > 0 ? ", at least \(HumanUnits.count(Int64(rowsInDamage))) rows" : ""
            notes.append("incomplete: \(HumanUnits.count(Int64(damageCount))) damaged parts were skipped\(rows)")
            notes += damage.map { "  \($0)" }
            if damageCount > damage.count { notes.append("  and \(damageCount - damage.count) more") }
        }
        if !unjoinedRows.isEmpty {
            let tables = unjoinedRows.sorted { $0.key < $1.key }.map { name, rows in
                "\(HumanUnits.count(Int64(rows))) of \(name)"
            }
            notes.append(
                "incomplete: rows of the tables beside the archive found no room, so that some values stay null: "
                    + "\(tables.joined(separator: ", ")); ask for a shorter time (--since, --until)"
            )
        }
        if isStopped { notes.append("incomplete: stopped before the end") }
        return notes
    }
}

/// An answer in groups.
public struct QueryTable: Sendable {
    /// Its columns: the keys, then the aggregates.
    public let columns: [ResultColumn]
    /// Its rows, in order.
    public let rows: [[EventValue]]
    /// Rows before the limit.
    public let totalRows: Int
    /// Whether percentiles are approximate (± 0.2 %) because a group has many samples.
    public let isApproximate: Bool
    /// How it was found, and what it lacks.
    public let summary: ScanSummary

    /// What a reader of the answer has to know, a line each, safe for a terminal.
    public var notes: [String] {
        var notes = summary.notes
        if isApproximate { notes.append("percentiles of large groups are within 0.2 % of the exact value") }
        if totalRows > rows.count {
            notes.append("\(HumanUnits.count(Int64(totalRows - rows.count))) more rows are not shown (limit)")
        }
        return notes
    }
}
