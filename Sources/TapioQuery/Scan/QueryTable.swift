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
    /// Columns of which something was computed, and in which summaries have no value.
    public internal(set) var unmeasuredColumns: Set<String> = []
    /// Segments and row groups that could not be read, the first 100 of them.
    public internal(set) var damage: [Damage] = []
    /// How many there are.
    public internal(set) var damageCount = 0
    /// Of those, the ones without which no row is missing, such as a footer.
    public internal(set) var harmlessDamageCount = 0
    /// Rows in them, as far as is known.
    public internal(set) var rowsInDamage = 0
    /// By table beside the archive, its rows that found no room: what only they know stays null.
    public internal(set) var unjoinedRows: [String: Int] = [:]
    /// Whether the caller stopped it before its end.
    public internal(set) var isStopped = false

    /// Damages that are named; the rest is counted.
    private static let namedDamages = 100

    /// Nothing yet.
    public init() {}

    /// Counts a part that cannot be read, and names it where it is one of the first 100.
    public mutating func add(_ damage: Damage) {
        damageCount += 1
        if damage.isHarmless { harmlessDamageCount += 1 }
        rowsInDamage += damage.rows ?? 0
        if self.damage.count < Self.namedDamages { self.damage.append(damage) }
    }

    /// Exit code of the command: 0, or 3 where the answer lacks what is damaged, or what a bound left out.
    public var exitCode: Int32 { damageCount > 0 || !unjoinedRows.isEmpty ? 3 : 0 }

    /// What a reader of the answer has to know, a line each, safe for a terminal.
    public var notes: [String] {
        var notes: [String] = []
        if sampledRows > 0 {
            let count = HumanUnits.count(Int64(sampledRows))
            notes.append("estimated: \(count) sampled rows in range stand for several events each (weight)")
        }
        if summaryRows > 0 && !unmeasuredColumns.isEmpty {
            let count = HumanUnits.count(Int64(summaryRows))
            let columns = unmeasuredColumns.sorted().joined(separator: ", ")
            let rows = summaryRows == 1 ? "1 row in range is a summary" : "\(count) rows in range are summaries"
            notes.append(
                "aggregated: \(rows) without \(TerminalText.escape(columns)): only agg_sum, agg_min, agg_max and agg_histogram tell of what was measured there"
            )
        }
        notes += damageNotes
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

    /// What was skipped, and what is damaged without a row that is missing: that answer is whole, but who has the archive
    /// should know.
    private var damageNotes: [String] {
        var notes: [String] = []
        func name(_ some: [Damage], of count: Int) {
            notes += some.map { "  \($0)" }
            if count > some.count { notes.append("  and \(HumanUnits.count(Int64(count - some.count))) more") }
        }
        let skipped = damageCount - harmlessDamageCount
        if skipped > 0 {
            let parts = skipped == 1 ? "1 damaged part was" : "\(HumanUnits.count(Int64(skipped))) damaged parts were"
            let count = "\(HumanUnits.count(Int64(rowsInDamage))) row\(rowsInDamage == 1 ? "" : "s")"
            notes.append("incomplete: \(parts) skipped\(rowsInDamage > 0 ? ", at least \(count)" : "")")
            name(damage.filter { !$0.isHarmless }, of: skipped)
        }
        if harmlessDamageCount > 0 {
            let count = HumanUnits.count(Int64(harmlessDamageCount))
            let parts = harmlessDamageCount == 1 ? "1 segment" : "\(count) segments"
            notes.append("damaged: \(parts), of which no row is missing")
            name(damage.filter(\.isHarmless), of: harmlessDamageCount)
        }
        return notes
    }
}

/// An answer in groups.
public struct QueryTable: Sendable {
    /// Its columns: the keys, then the aggregates.
    public let columns: [ResultColumn]
    /// Its rows, in order.
    public let rows: [[EventValue]]
    /// By row and column, where the true value lies with a probability of 95 %; nil where that is not known, or for a key.
    /// Empty where no row was sampled: then all values are exact.
    public let intervals: [[ClosedRange<Double>?]]
    /// Rows before the limit.
    public let totalRows: Int
    /// Whether percentiles are approximate (± 0.2 %) because there are many samples.
    public let isApproximate: Bool
    /// How it was found, and what it lacks.
    public let summary: ScanSummary

    /// The answer as of now.
    init(_ query: Query, _ groups: GroupTable, _ summary: ScanSummary) throws(QueryError) {
        let answer = try groups.answer(withIntervals: summary.sampledRows > 0)
        columns = query.resultColumns
        let unknown = [ClosedRange<Double>?](repeating: nil, count: query.keys.count)
        let factors = query.factors
        if factors.allSatisfy({ $0 == 1 }) {
            rows = answer.rows
            intervals = answer.intervals.map { unknown + $0 }
        } else {
            rows = answer.rows.map { row in zip(row, factors).map { $0.multiplied(by: $1) } }
            intervals = answer.intervals.map { row in
                zip(unknown + row, factors).map { (interval, factor) -> ClosedRange<Double>? in
                    interval.map { $0.lowerBound * Double(factor)...$0.upperBound * Double(factor) }
                }
            }
        }
        totalRows = answer.total
        isApproximate = groups.isApproximate
        self.summary = summary
    }

    /// Places of columns that are estimates, if any row was sampled.
    public var estimated: [Int] {
        if intervals.isEmpty { return [] }
        return columns.indices.filter { column in intervals.contains { $0[column] != nil } }
    }

    /// The table with two more columns behind each estimate, `…_low` and `…_high`: the bounds of its 95 % interval.
    public var withBounds: (columns: [ResultColumn], rows: [[EventValue]]) {
        let estimated = Set(estimated)
        if estimated.isEmpty { return (columns, rows) }
        let all = columns.enumerated().flatMap { place, column -> [ResultColumn] in
            guard estimated.contains(place) else { return [column] }
            return [column]
                + ["low", "high"].map {
                    ResultColumn(name: "\(column.name)_\($0)", type: column.type, unit: column.unit)
                }
        }
        let filled = rows.enumerated().map { number, row in
            row.enumerated().flatMap { place, value -> [EventValue] in
                guard estimated.contains(place) else { return [value] }
                guard let bounds = bounds(number, place) else { return [value, .null, .null] }
                return [value, bounds.low, bounds.high]
            }
        }
        return (all, filled)
    }

    /// An estimate's bounds as values of its column: whole numbers rounded outwards.
    func bounds(_ row: Int, _ column: Int) -> (low: EventValue, high: EventValue)? {
        guard row < intervals.count, let interval = intervals[row][column] else { return nil }
        switch columns[column].type {
        case .double: return (.double(interval.lowerBound), .double(interval.upperBound))
        case .timestamp:
            return (
                .timestamp(Int64(clamping: interval.lowerBound.rounded(.down))),
                .timestamp(Int64(clamping: interval.upperBound.rounded(.up)))
            )
        case .int32, .int64, .string:
            return (
                .int(Int64(clamping: interval.lowerBound.rounded(.down))),
                .int(Int64(clamping: interval.upperBound.rounded(.up)))
            )
        }
    }

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
