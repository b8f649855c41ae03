public import TapioEvents

extension QueryEngine {
    /// Hands over the rows that pass, in the order of time, until there are no more, the limit is reached, or `emit` returns
    /// false.
    ///
    /// A row has the selected fields in their order, without those that are null. Row groups are put in order one by one and merged; a segment is opened when the time of its first row has come. At most
    /// ``QueryLimits/openRowGroups`` that overlap in time are held at once.
    public func forEachRow(
        _ query: Query,
        progress: Progress? = nil,
        _ emit: (DecodedEvent) throws -> Bool
    ) throws -> ScanSummary {
        var scan = ScanState(total: totalBytes, progress: progress)
        var merge = RowMerge(engine: self, query: query)
        var left = query.spec.limit ?? .max
        while left > 0, !scan.isStopped, let row = try merge.next(&scan) {
            left -= 1
            scan.summary.rowsMatched += 1
            if try !emit(row) { break }
        }
        merge.joins?.report(to: &scan)
        return scan.summary
    }
}

/// Merges row groups by time.
private struct RowMerge {
    private let engine: QueryEngine
    private let query: Query
    private let columns: Set<String>
    let joins: JoinSession?
    /// Segments and row groups not yet opened, the earliest last.
    private var pending: [Pending]
    private var runs: [Run] = []

    private struct Pending {
        /// No row is earlier, UTC microseconds.
        var earliest: Int64
        var part: Part

        enum Part {
            case segment(SegmentSource)
            case group(any RowGroupSource)
        }
    }

    init(engine: QueryEngine, query: Query) {
        self.engine = engine
        self.query = query
        joins = engine.joins(of: query)
        columns = Set(query.selected.map(\.name) + ["ts", "ts_sub_ns", "cpu", "seq"])
        pending = engine.segments.map { segment in
            // Rounded down, and a little more: never later than the first row.
            Pending(earliest: segment.timestampsNs.map { $0.lowerBound / 1000 - 1 } ?? .min, part: .segment(segment))
        }
        pending.sort { $0.earliest > $1.earliest }
    }

    mutating func next(_ scan: inout ScanState) throws -> DecodedEvent? {
        while true {
            let first = runs.indices.min { runs[$0].key < runs[$1].key }
            if let last = pending.last, first.map({ last.earliest <= runs[$0].key.ts }) ?? true {
                pending.removeLast()
                try open(last, &scan)
                if scan.isStopped { return nil }
                continue
            }
            guard let first else { return nil }
            let row = runs[first].row()
            if !runs[first].advance() { runs.swapRemove(at: first) }
            return row
        }
    }

    private mutating func open(_ part: Pending, _ scan: inout ScanState) throws(QueryError) {
        switch part.part {
        case .segment(let segment):
            guard let groups = engine.open(segment, query.filter, joining: joins, &scan) else { return }
            for group in groups.inFileOrder {
                pending.append(Pending(earliest: Self.earliest(of: group), part: .group(group)))
            }
            pending.sort { $0.earliest > $1.earliest }
        case .group(let source):
            scan.advance(source.byteCount)
            do {
                if let selected = try engine.select(source, query.filter, reading: columns, &scan) {
                    runs.append(try Run(selected, query.selected))
                }
            } catch {
                scan.add(Damage(place: source.name, reason: "\(error)", rows: source.rowCount))
            }
            if runs.count > engine.limits.openRowGroups {
                throw QueryError(
                    "more than \(engine.limits.openRowGroups) row groups overlap in time: ask for a shorter time (--since, --until)"
                )
            }
        }
    }

    private static func earliest(of group: any RowGroupSource) -> Int64 {
        guard let column = group.columns.firstIndex(where: { $0.name == "ts" }),
            case .integer(let earliest)? = group.bounds(column).minimum
        else { return .min }
        return earliest
    }
}

/// The selected rows of a row group, in the order of time.
private struct Run {
    /// What is shown; columns that the file lacks are left out.
    private let columns: [(column: Column, vector: ColumnVector)]
    private let keys: [Key]
    private var position = 0

    struct Key: Comparable {
        var ts: Int64
        var subNs: Int64
        var cpu: Int64
        var sequence: Int64
        var row: Int32

        static func < (left: Key, right: Key) -> Bool {
            if left.ts != right.ts { return left.ts < right.ts }
            return (left.subNs, left.cpu, left.sequence, left.row) < (right.subNs, right.cpu, right.sequence, right.row)
        }
    }

    init(_ selected: SelectedRows, _ shown: [Column]) throws {
        columns = try shown.compactMap { column in try selected.reader.column(column.name).map { (column, $0) } }
        func integers(_ name: String) throws -> [Int64]? {
            guard case .integers(let values)? = try selected.reader.column(name)?.values else { return nil }
            return values
        }
        let ts = try integers("ts")
        let subNs = try integers("ts_sub_ns")
        let cpu = try integers("cpu")
        let sequence = try integers("seq")
        keys = selected.rows
            .map { row in
                let place = Int(row)
                return Key(
                    ts: ts?[place] ?? 0,
                    subNs: subNs?[place] ?? 0,
                    cpu: cpu?[place] ?? 0,
                    sequence: sequence?[place] ?? 0,
                    row: row
                )
            }
            .sorted()
    }

    var key: Key { keys[position] }

    /// False at the end.
    mutating func advance() -> Bool {
        position += 1
        return position < keys.count
    }

    func row() -> DecodedEvent {
        let row = Int(keys[position].row)
        var values: [(column: Column, value: EventValue)] = []
        for (column, vector) in columns where vector.isValid(row) {
            let value = vector.value(row, column.type)
            if value != .null { values.append((column, value)) }
        }
        return DecodedEvent(values: values)
    }
}

extension ColumnVector {
    /// A row's value.
    func value(_ row: Int, _ type: ColumnType) -> EventValue {
        guard isValid(row) else { return .null }
        switch values {
        case .integers(let values): return type == .timestamp ? .timestamp(values[row]) : .int(values[row])
        case .doubles(let values): return .double(values[row])
        case .texts(let texts):
            let entry = texts.indices[row]
            return entry == TextVector.noValue ? .null : .string(texts.text(Int(entry)))
        }
    }
}

extension Array {
    /// Removes an element; the last takes its place.
    fileprivate mutating func swapRemove(at index: Int) {
        swapAt(index, count - 1)
        removeLast()
    }
}
