import TapioEvents

/// Answers questions from an archive's segments.
///
/// Segments are skipped by their time range and kinds, row groups by their columns' bounds; of what is left, only the columns
/// that the question names are read. What is damaged is skipped, and the answer says so. Where the question asks for it, nulls
/// are filled in from the tables beside the archive before anything looks at them.
public struct QueryEngine: Sendable {
    /// What is asked, oldest first.
    public let segments: [SegmentSource]
    /// Bounds of memory.
    public var limits: QueryLimits

    /// Called now and then with bytes dealt with and bytes in all. Return false to stop.
    public typealias Progress = (_ done: Int, _ total: Int) -> Bool

    /// An engine for these segments.
    public init(segments: [SegmentSource], limits: QueryLimits = QueryLimits()) {
        self.segments = segments
        self.limits = limits
    }

    /// Groups the rows that pass.
    public func table(_ query: Query, progress: Progress? = nil) throws(QueryError) -> QueryTable {
        precondition(query.spec.isAggregate)
        var scan = ScanState(total: totalBytes, progress: progress)
        let groups = GroupTable(query, limits: limits)
        let joins = joins(of: query)
        segments: for segment in segments {
            guard let opened = open(segment, query.filter, joining: joins, &scan) else { continue }
            for source in opened.inFileOrder {
                if scan.isStopped { break segments }
                try add(source, query, to: groups, &scan)
                source.finished()
                scan.advance(source.byteCount)
            }
        }
        joins?.report(to: &scan)
        return try QueryTable(query, groups, scan.summary)
    }

    /// Adds the rows of a group that pass.
    func add(
        _ source: any RowGroupSource,
        _ query: Query,
        to table: GroupTable,
        _ scan: inout ScanState
    ) throws(QueryError) {
        let selected: SelectedRows?
        do {
            selected = try select(source, query.filter, reading: query.aggregatedColumns, &scan)
        } catch {
            scan.add(Damage(place: source.name, reason: "\(error)", rows: source.rowCount))
            return
        }
        guard let selected else { return }
        try table.add(selected) { name in
            // All columns were read above; a second reading cannot fail.
            try? selected.reader.column(name)
        }
        scan.count(selected, measures: query.measuredColumns)
    }

    /// Bytes of all segments.
    var totalBytes: Int { segments.reduce(0) { $0 + $1.byteCount } }

    /// What fills in the nulls that `query` meets; nil where it uses no column that something fills in.
    func joins(of query: Query) -> JoinSession? {
        let joined = query.joinedColumns
        if joined.isEmpty { return nil }
        let asked = segments.filter { $0.dimensions != nil && mayPass($0, query.filter) }
        if asked.isEmpty { return nil }
        return JoinSession(joined: joined, segments: asked, times: query.times, limits: limits)
    }

    /// The row groups of a segment that may hold a row that passes; nil where none may.
    func open(
        _ segment: SegmentSource,
        _ filter: Filter,
        joining joins: JoinSession? = nil,
        _ scan: inout ScanState
    ) -> OpenedGroups? {
        guard mayPass(segment, filter) else {
            scan.summary.segmentsSkipped += 1
            scan.advance(segment.byteCount)
            return nil
        }
        do {
            let opened = try segment.open { facts in
                let times = facts.timestampsNs
                let kinds = facts.kinds
                return times == nil || mayPass(filter, times, kinds, rowCount: facts.rowCount)
            }
            let groups = opened.groups
            for item in opened.damage { scan.add(item) }
            scan.summary.segmentsRead += 1
            scan.summary.rowGroupsSkipped += opened.skipped
            // What is not in a row group counts as done at once.
            scan.advance(max(0, segment.byteCount - groups.reduce(0) { $0 + $1.byteCount }))
            return OpenedGroups(inFileOrder: joins?.wrap(groups, of: segment) ?? groups)
        } catch {
            let rows = segment.rowsByKind.map { $0.values.reduce(0, +) }
            scan.add(Damage(place: segment.name, reason: "\(error)", rows: rows))
            scan.advance(segment.byteCount)
            return nil
        }
    }

    private func mayPass(_ segment: SegmentSource, _ filter: Filter) -> Bool {
        guard let kinds = segment.rowsByKind, let times = segment.timestampsNs else { return true }
        return mayPass(
            filter,
            times,
            kinds.filter { $0.value > 0 }.map(\.key),
            rowCount: kinds.values.reduce(0, +)
        )
    }

    /// Whether rows of those times and kinds, as far as they are known, may pass.
    private func mayPass(_ filter: Filter, _ times: ClosedRange<Int64>?, _ kinds: [String]?, rowCount: Int) -> Bool {
        func micros(_ ns: Int64) -> Int64 { ns / 1000 - (ns % 1000 < 0 ? 1 : 0) }
        let pruner = FilterPruner(
            bounds: { name in
                switch name {
                case "ts":
                    ColumnBounds(
                        minimum: times.map { .integer(micros($0.lowerBound)) },
                        maximum: times.map { .integer(micros($0.upperBound)) },
                        nullCount: 0
                    )
                case "kind": ColumnBounds(nullCount: 0, values: kinds)
                default: ColumnBounds()
                }
            },
            rowCount: rowCount
        )
        return pruner.mayPass(filter)
    }

    /// The rows of a group that pass, with those columns read; nil where none does. Throws where the group is damaged.
    func select(
        _ source: any RowGroupSource,
        _ filter: Filter,
        reading columns: Set<String>,
        _ scan: inout ScanState
    ) throws -> SelectedRows? {
        let reader = GroupReader(source)
        guard FilterPruner(bounds: reader.bounds, rowCount: source.rowCount).mayPass(filter) else {
            scan.summary.rowGroupsSkipped += 1
            return nil
        }
        scan.summary.rowGroupsRead += 1
        scan.summary.rowsScanned += source.rowCount
        let selection = try FilterEvaluator(reader).select(filter)
        if selection.isEmpty { return nil }
        let rows = selection.rows
        // A column without a value holds nothing that could be damaged to the answer's harm.
        for name in columns where reader.bounds(name)?.nullCount != source.rowCount { _ = try reader.column(name) }
        var selected = SelectedRows(reader: reader, rows: rows)
        selected.weights = try weights(reader, rows)
        selected.summaries = try summaries(reader)
        selected.findVariances()
        return selected
    }

    /// How many events each row of a group was merged from; nil where none is a summary.
    private func summaries(_ reader: GroupReader) throws -> ColumnVector? {
        guard let bounds = reader.bounds("agg_count"), bounds.nullCount != reader.rowCount else { return nil }
        return try reader.column("agg_count")
    }

    /// Events that a row stands for at most: beyond it a weight is damage, and sums of it tell nothing.
    private static let greatestWeight = 1e15

    /// The weights of the rows; nil where each stands for one event. Ledger rows, which stand for none, count as one row.
    private func weights(_ reader: GroupReader, _ rows: [Int32]) throws -> [Double]? {
        if let bounds = reader.bounds("weight"), bounds.minimum == .double(1), bounds.maximum == .double(1) {
            return nil
        }
        guard case .doubles(let all)? = try reader.column("weight")?.values else { return nil }
        var isSampled = false
        let weights = rows.map { row in
            let weight = all[Int(row)]
            // A row of the ledger; or what no agent writes.
            guard weight > 0, weight <= Self.greatestWeight else { return 1.0 }
            if weight != 1 { isSampled = true }
            return weight
        }
        return isSampled ? weights : nil
    }
}

/// A segment's row groups.
struct OpenedGroups {
    var inFileOrder: [any RowGroupSource]
}

/// Rows of one row group that passed.
struct SelectedRows {
    var reader: GroupReader
    var rows: [Int32]
    /// By row of `rows`; nil where each stands for one event.
    var weights: [Double]?
    /// By row of `rows`, what it adds to the variance of an estimated count; nil where none does.
    var variances: [Double]?
    /// By row of the group, how many events a summary was merged from; nil where there is none.
    var summaries: ColumnVector?

    init(reader: GroupReader, rows: [Int32]) {
        self.reader = reader
        self.rows = rows
    }

    /// Events that a row was merged from: 1 unless it is a summary.
    func merged(_ row: Int32) -> Double {
        guard let counts = summaries, counts.isValid(Int(row)), case .integers(let values) = counts.values else {
            return 1
        }
        return Double(values[Int(row)])
    }

    /// An event that was kept with the probability 1/w adds w(w − 1) (Horvitz and Thompson); n of them merged into one row of
    /// weight W add n times that of W/n.
    mutating func findVariances() {
        guard let weights else { return }
        var isEstimated = false
        let found = rows.indices.map { index in
            let merged = max(1, merged(rows[index]))
            let variance = max(0, weights[index] * (weights[index] / merged - 1))
            if variance > 0 { isEstimated = true }
            return variance
        }
        variances = isEstimated ? found : nil
    }
}

/// What a scan met on its way.
struct ScanState {
    var summary = ScanSummary()
    private(set) var isStopped = false
    private var done = 0
    private let total: Int
    private let progress: QueryEngine.Progress?

    init(total: Int, progress: QueryEngine.Progress?) {
        self.total = total
        self.progress = progress
    }

    mutating func advance(_ bytes: Int) {
        done += bytes
        if let progress, !progress(min(done, total), total) {
            isStopped = true
            summary.isStopped = true
        }
    }

    mutating func add(_ damage: Damage) { summary.add(damage) }

    /// - Parameter measures: Columns of which something is computed: whether summaries lack them has to be told.
    mutating func count(_ selected: SelectedRows, measures: [String] = []) {
        summary.rowsMatched += selected.rows.count
        if selected.weights == nil && selected.summaries == nil { return }
        for (index, row) in selected.rows.enumerated() {
            let merged = selected.merged(row)
            if selected.summaries?.isValid(Int(row)) == true { summary.summaryRows += 1 }
            if selected.weights?[index] ?? 1 != merged { summary.sampledRows += 1 }
        }
        guard let summaries = selected.summaries else { return }
        for name in measures where !summary.unmeasuredColumns.contains(name) {
            let column = try? selected.reader.column(name)
            let isLacking = selected.rows.contains { row in
                summaries.isValid(Int(row)) && column?.isValid(Int(row)) != true
            }
            if isLacking { summary.unmeasuredColumns.insert(name) }
        }
    }
}
