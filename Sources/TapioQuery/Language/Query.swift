public import TapioEvents

/// A question whose names and types are checked.
public struct Query: Sendable {
    /// As it was asked.
    public let spec: QuerySpec
    /// The fields of single rows, in their order.
    public let selected: [Column]
    /// The answer's columns, where rows are grouped.
    public let resultColumns: [ResultColumn]
    let filter: Filter
    let keys: [GroupKey]
    let aggregates: [Aggregate]
    /// Place in ``resultColumns`` to order by.
    let order: (column: Int, isDescending: Bool)?
    let includesLedger: Bool
    /// The time that is asked about, UTC microseconds since 1970.
    let times: ClosedRange<Int64>

    /// Checks a question against the fields and kinds that there are.
    public init(_ spec: QuerySpec, schema: QuerySchema) throws(QueryError) {
        var binder = FilterBinder(schema: schema, text: spec.filter)
        var filter = try binder.bind(try FilterParser.parse(spec.filter))
        var keys: [GroupKey] = []
        for text in spec.groupBy { keys.append(try GroupKey(text, schema: schema)) }
        var aggregates: [Aggregate] = []
        for text in spec.aggregates { aggregates.append(try Aggregate(text, schema: schema)) }
        if aggregates.isEmpty && !keys.isEmpty { aggregates = [Aggregate(function: .count, column: nil)] }
        var selected: [Column] = []
        for name in spec.select {
            selected.append(try schema.column(name, in: name, at: 0..<name.unicodeScalars.count))
        }
        if selected.isEmpty { selected = schema.columns }
        if let limit = spec.limit, limit < 0 { throw QueryError("a limit of \(limit) rows") }

        let mentioned =
            keys.compactMap(\.column) + aggregates.compactMap(\.column) + (spec.select.isEmpty ? [] : selected)
        includesLedger = binder.namesLedger || mentioned.contains { $0.name.hasPrefix("ledger_") }
        if !includesLedger {
            let ledger = Filter.Leaf(column: "kind", test: .text(.equal, Array("_ledger".utf8)), isNegated: true)
            filter = filter.and(.leaf(ledger))
        }
        // Rounded up: a row is known to the microsecond here.
        func micros(_ ns: Int64) -> Int64 { ns / 1000 + (ns % 1000 > 0 ? 1 : 0) }
        let bounds = Filter.IntegerBounds(
            low: spec.sinceNs.map(micros) ?? .min,
            high: spec.untilNs.map { micros($0) - 1 } ?? .max
        )
        times = bounds.low...max(bounds.low, bounds.high)
        if spec.sinceNs != nil || spec.untilNs != nil {
            filter = Filter.leaf(Filter.Leaf(column: "ts", test: .integers(bounds))).and(filter)
        }
        self.spec = spec
        self.filter = filter
        self.keys = keys
        self.aggregates = aggregates
        self.selected = selected
        self.resultColumns = keys.map(\.resultColumn) + aggregates.map(\.resultColumn)
        self.order = try Self.order(spec, columns: resultColumns, keyCount: keys.count, keys: keys)
    }

    private static func order(
        _ spec: QuerySpec,
        columns: [ResultColumn],
        keyCount: Int,
        keys: [GroupKey]
    ) throws(QueryError) -> (column: Int, isDescending: Bool)? {
        guard let order = spec.order, !order.isEmpty else {
            if columns.isEmpty { return nil }
            if let time = keys.firstIndex(where: \.isTime) { return (time, false) }
            return (keyCount < columns.count ? keyCount : 0, true)
        }
        let isDescending = order.hasPrefix("-")
        let name = isDescending ? String(order.dropFirst()) : order
        guard let column = columns.firstIndex(where: { $0.name == name }) else {
            if columns.isEmpty { throw QueryError("rows come in the order of time; only groups can be ordered") }
            throw QueryError(
                "no column \"\(name)\" in the answer" + NearestName.hint(name, in: columns.map(\.name)),
                in: order,
                at: (isDescending ? 1 : 0)..<order.unicodeScalars.count
            )
        }
        return (column, isDescending)
    }

    /// The columns that are used and that tables beside the archive fill in; none where the question wants rows as written.
    var joinedColumns: Set<String> {
        guard spec.joins else { return [] }
        let shown = spec.isAggregate ? aggregatedColumns : Set(selected.map(\.name))
        return JoinTable.joined(for: filter.columns.union(shown))
    }

    /// Columns that grouping reads, beside the filter's.
    var aggregatedColumns: Set<String> {
        Set(keys.map(\.columnName) + aggregates.compactMap { $0.column?.name })
    }
}

/// A column of an answer.
public struct ResultColumn: Sendable, Hashable {
    /// Its name: the field's, or `p99(duration_ns)`.
    public var name: String
    /// The type of its values.
    public var type: ColumnType
    /// Their unit.
    public var unit: ColumnUnit

    /// A column of an answer.
    public init(name: String, type: ColumnType, unit: ColumnUnit = .none) {
        self.name = name
        self.type = type
        self.unit = unit
    }
}
