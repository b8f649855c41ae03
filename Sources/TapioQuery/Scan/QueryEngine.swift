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
        let table = GroupTable(query, limits: limits)
        let joins = joins(of: query)
        segments: for segment in segments {
            guard let groups = open(segment, query.filter, joining: joins, &scan) else { continue }
            for source in groups.inFileOrder {
                if scan.isStopped { break segments }
                try add(source, query, to: table, &scan)
                scan.advance(source.byteCount)
            }
        }
        joins?.report(to: &scan)
        let (rows, total) = table.rows()
        return QueryTable(
            columns: query.resultColumns,
            rows: rows,
            totalRows: total,
            isApproximate: table.isApproximate,
            summary: scan.summary
        )
    }

    private func add(
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
        try table.add(rows: selected.rows, weights: selected.weights) { name in
            // All columns were read above; a second reading cannot fail.
            try? selected.reader.column(name)
        }
        scan.count(selected)
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
            let (groups, damage) = try segment.open()
            for item in damage { scan.add(item) }
            scan.summary.segmentsRead += 1
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
        func micros(_ ns: Int64) -> Int64 { ns / 1000 - (ns % 1000 < 0 ? 1 : 0) }
        let pruner = FilterPruner(
            bounds: { name in
                switch name {
                case "ts":
                    ColumnBounds(
                        minimum: .integer(micros(times.lowerBound)),
                        maximum: .integer(micros(times.upperBound)),
                        nullCount: 0
                    )
                case "kind": ColumnBounds(nullCount: 0, values: kinds.filter { $0.value > 0 }.map(\.key))
                default: ColumnBounds()
                }
            },
            rowCount: kinds.values.reduce(0, +)
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
        for name in columns { _ = try reader.column(name) }
        return SelectedRows(
            reader: reader,
            rows: rows,
            weights: try weights(reader, rows),
            summaries: try summaries(reader)
        )
    }

    /// How many events each row of a group was merged from; nil where none is a summary.
    private func summaries(_ reader: GroupReader) throws -> ColumnVector? {
        guard let bounds = reader.bounds("agg_count"), bounds.nullCount != reader.rowCount else { return nil }
        return try reader.column("agg_count")
    }

    /// The weights of the rows; nil where each stands for one event. Ledger rows, which stand for none, count as one row.
    private func weights(_ reader: GroupReader, _ rows: [Int32]) throws -> [Double]? {
        if let bounds = reader.bounds("weight"), bounds.minimum == .double(1), bounds.maximum == .double(1) {
            return nil
        }
        guard case .doubles(let all)? = try reader.column("weight")?.values else { return nil }
        var isSampled = false
        let weights = rows.map { row in
            let weight = all[Int(row)]
            if weight == 0 { return 1.0 }
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
    /// By row of the group, how many events a summary was merged from; nil where there is none.
    var summaries: ColumnVector?
}

/// What a scan met on its way.
struct ScanState {
    var summary = ScanSummary()
    private(set) var isStopped = false
    private var done = 0
    private let total: Int
    private let progress: QueryEngine.Progress?

    /// Damages that are named; the rest is counted.
    private static let namedDamages = 100

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

    mutating func add(_ damage: Damage) {
        summary.damageCount += 1
        summary.rowsInDamage += damage.rows ?? 0
        if summary.damage.count < ScanState.namedDamages { summary.damage.append(damage) }
    }

    mutating func count(_ selected: SelectedRows) {
        summary.rowsMatched += selected.rows.count
        if selected.weights == nil && selected.summaries == nil { return }
        for (index, row) in selected.rows.enumerated() {
            var merged = 1.0
            if let counts = selected.summaries, counts.isValid(Int(row)), case .integers(let values) = counts.values {
                summary.summaryRows += 1
                merged = Double(values[Int(row)])
            }
            if selected.weights?[index] ?? 1 != merged { summary.sampledRows += 1 }
        }
    }
}
