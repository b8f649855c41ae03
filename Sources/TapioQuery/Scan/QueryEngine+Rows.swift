public import TapioEvents

extension QueryEngine {
    /// Hands over the rows that pass, in the order of time, until there are no more, the limit is reached, or `emit` returns
    /// false.
    ///
    /// A row has the selected fields in their order, without those that are null. Row groups are put in order one by one and
    /// merged; a segment is opened when the time of its first row has come. At most ``QueryLimits/openRowGroups`` that overlap
    /// in time are held at once, of each only the rows that pass. Where the question orders rows otherwise, all are looked at
    /// first, and as many held as its limit says.
    public func forEachRow(
        _ query: Query,
        progress: Progress? = nil,
        _ emit: (DecodedEvent) throws -> Bool
    ) throws -> ScanSummary {
        if !query.rowOrder.isEmpty { return try forEachOrderedRow(query, progress: progress, emit) }
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
        columns = Set(query.shown.map(\.source.name) + ["ts", "ts_sub_ns", "cpu", "seq"])
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
                    runs.append(try Run(selected, query.shown))
                }
                source.finished()
            } catch {
                scan.add(Damage(place: source.name, reason: "\(error)", rows: source.rowCount))
            }
            let bytes = runs.reduce(0) { $0 + $1.byteCount }
            if runs.count > engine.limits.openRowGroups || (bytes > engine.limits.openRowBytes && runs.count > 1) {
                throw QueryError(
                    "\(runs.count) row groups overlap in time, which is too much to put in order: ask for a shorter time (--since, --until) or fewer fields (--select)"
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
    /// What is shown; columns that the file lacks are left out, and those without a value.
    private let columns: [(column: ShownColumn, vector: ColumnVector)]
    private let keys: [Key]
    private var position = 0
    /// Memory that it takes, about.
    let byteCount: Int

    struct Key: Comparable {
        var ts: Int64
        var subNs: Int64
        var cpu: Int64
        var sequence: Int64
        /// Place among the selected rows.
        var place: Int32

        static func < (left: Key, right: Key) -> Bool {
            if left.ts != right.ts { return left.ts < right.ts }
            return (left.subNs, left.cpu, left.sequence, left.place)
                < (right.subNs, right.cpu, right.sequence, right.place)
        }
    }

    init(_ selected: SelectedRows, _ shown: [ShownColumn]) throws {
        let rows = selected.rows
        var columns: [(column: ShownColumn, vector: ColumnVector)] = []
        var bytes = rows.count * 40
        for column in shown {
            guard let vector = try selected.shownColumn(column.source.name) else { continue }
            bytes += vector.byteCount
            columns.append((column, vector))
        }
        self.columns = columns
        byteCount = bytes
        func integers(_ name: String) throws -> [Int64]? {
            guard case .integers(let values)? = try selected.reader.column(name)?.values else { return nil }
            return values
        }
        let ts = try integers("ts")
        let subNs = try integers("ts_sub_ns")
        let cpu = try integers("cpu")
        let sequence = try integers("seq")
        keys = rows.indices
            .map { index in
                let row = Int(rows[index])
                return Key(
                    ts: ts?[row] ?? 0,
                    subNs: subNs?[row] ?? 0,
                    cpu: cpu?[row] ?? 0,
                    sequence: sequence?[row] ?? 0,
                    place: Int32(index)
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
        let row = Int(keys[position].place)
        var values: [(column: Column, value: EventValue)] = []
        for (column, vector) in columns where vector.isValid(row) {
            let value = vector.value(row, column.source.type)
            if value != .null { values.append((column.shown, column.value(value))) }
        }
        return DecodedEvent(values: values)
    }
}

extension SelectedRows {
    /// A column of the selected rows alone; nil where the file lacks it, or none has a value.
    func shownColumn(_ name: String) throws -> ColumnVector? {
        guard let bounds = reader.bounds(name), bounds.nullCount != reader.rowCount else { return nil }
        return try reader.column(name)?.only(rows)
    }
}

extension ColumnVector {
    /// Memory that it takes, about.
    var byteCount: Int {
        let bitmap = validity.map { $0.count * 8 } ?? 0
        return switch values {
        case .integers(let values): bitmap + values.count * 8
        case .doubles(let values): bitmap + values.count * 8
        case .texts(let texts): bitmap + texts.bytes.count + texts.offsets.count * 4 + texts.indices.count * 4
        }
    }

    /// The column of these rows alone, in their order.
    func only(_ rows: [Int32]) -> ColumnVector {
        var bits: [UInt64]?
        if let validity {
            var found = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
            for (place, row) in rows.enumerated() where validity[Int(row) >> 6] >> UInt64(row & 63) & 1 != 0 {
                found[place >> 6] |= 1 << UInt64(place & 63)
            }
            bits = found
        }
        switch values {
        case .integers(let values): return ColumnVector(.integers(rows.map { values[Int($0)] }), validity: bits)
        case .doubles(let values): return ColumnVector(.doubles(rows.map { values[Int($0)] }), validity: bits)
        case .texts(let texts):
            var kept = TextVector(bytes: [], offsets: [0], indices: [])
            kept.indices.reserveCapacity(rows.count)
            var numbers = [UInt32](repeating: TextVector.noValue, count: texts.entryCount)
            for row in rows {
                let entry = texts.indices[Int(row)]
                guard entry != TextVector.noValue else {
                    kept.indices.append(TextVector.noValue)
                    continue
                }
                if numbers[Int(entry)] == TextVector.noValue {
                    numbers[Int(entry)] = UInt32(kept.entryCount)
                    kept.bytes += texts.entry(Int(entry))
                    kept.offsets.append(UInt32(kept.bytes.count))
                }
                kept.indices.append(numbers[Int(entry)])
            }
            return ColumnVector(.texts(kept), validity: bits)
        }
    }

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
