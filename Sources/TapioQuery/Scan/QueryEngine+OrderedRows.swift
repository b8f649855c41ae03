import TapioEvents

extension QueryEngine {
    /// Hands over the first rows in the question's own order. All that pass are looked at; as many as the limit says are held.
    func forEachOrderedRow(
        _ query: Query,
        progress: Progress?,
        _ emit: (DecodedEvent) throws -> Bool
    ) throws -> ScanSummary {
        let limit = query.spec.limit ?? limits.orderedRows
        guard limit <= limits.orderedRows else {
            throw QueryError(
                "at most \(HumanUnits.count(Int64(limits.orderedRows))) rows can be put into another order than that of time"
            )
        }
        var scan = ScanState(total: totalBytes, progress: progress)
        let joins = joins(of: query)
        let columns = Set(query.rowOrder.map(\.column.name) + ["ts"])
        var first = BoundedHeap<OrderedRow>(count: limit, OrderedRow.order(query))
        var number = 0
        scanning: for segment in segments {
            guard let opened = open(segment, query.filter, joining: joins, &scan) else { continue }
            for source in opened.inFileOrder {
                if scan.isStopped { break scanning }
                do {
                    if let selected = try select(source, query.filter, reading: columns, &scan) {
                        scan.count(selected, measures: query.rowOrder.map(\.column.name))
                        try offer(selected, query, &number, to: &first)
                    }
                } catch {
                    scan.add(Damage(place: source.name, reason: "\(error)", rows: source.rowCount))
                }
                source.finished()
                scan.advance(source.byteCount)
            }
        }
        joins?.report(to: &scan)
        for row in first.sorted where try !emit(row.event) { break }
        return scan.summary
    }

    private func offer(
        _ selected: SelectedRows,
        _ query: Query,
        _ number: inout Int,
        to first: inout BoundedHeap<OrderedRow>
    ) throws {
        let order = try query.rowOrder.map { (try selected.reader.column($0.column.name), $0.column.type) }
        let time = try selected.reader.column("ts")
        // Read when a row of this group is among the first; of most groups none is.
        var shown: [(column: ShownColumn, vector: ColumnVector)]?
        let precedes = OrderedRow.order(query)
        for row in selected.rows {
            let place = Int(row)
            number += 1
            var candidate = OrderedRow(
                keys: order.map { vector, type in vector?.value(place, type) ?? .null },
                time: time?.value(place, .timestamp) ?? .null,
                number: number
            )
            // Most rows are not among the first: those are never put together.
            if let last = first.last, !precedes(candidate, last) { continue }
            let vectors =
                try shown
                ?? query.shown.compactMap { column in
                    let name = column.source.name
                    guard selected.reader.bounds(name)?.nullCount != selected.reader.rowCount else { return nil }
                    return try selected.reader.column(name).map { (column, $0) }
                }
            shown = vectors
            for (column, vector) in vectors {
                let value = vector.value(place, column.source.type)
                if value != .null { candidate.event.values.append((column.shown, column.value(value))) }
            }
            first.offer(candidate)
        }
    }
}

/// A row with what it is ordered by.
private struct OrderedRow {
    var keys: [EventValue]
    var time: EventValue
    /// The order in which it was met.
    var number: Int
    var event = DecodedEvent(values: [])

    static func order(_ query: Query) -> (OrderedRow, OrderedRow) -> Bool {
        let isDescending = query.rowOrder.map(\.isDescending)
        return { left, right in
            for (place, isDescending) in isDescending.enumerated() {
                let (mine, other) = (left.keys[place], right.keys[place])
                // What has no value is of the least interest, whichever way.
                if mine == .null || other == .null {
                    if mine == other { continue }
                    return other == .null
                }
                let comparison = EventValueOrder.compare(mine, other)
                if comparison != 0 { return isDescending ? comparison > 0 : comparison < 0 }
            }
            let comparison = EventValueOrder.compare(left.time, right.time)
            return comparison != 0 ? comparison < 0 : left.number < right.number
        }
    }
}
