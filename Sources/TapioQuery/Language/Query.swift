public import TapioEvents

/// A question whose names and types are checked.
public struct Query: Sendable {
    /// As it was asked.
    public let spec: QuerySpec
    /// The fields of single rows, in their order, under the names by which they were asked for.
    public let selected: [Column]
    let shown: [ShownColumn]
    /// The answer's columns, where rows are grouped.
    public let resultColumns: [ResultColumn]
    let filter: Filter
    let keys: [GroupKey]
    let aggregates: [Aggregate]
    /// Places in ``resultColumns`` to order by, the first first.
    let order: [(column: Int, isDescending: Bool)]
    /// Fields to order single rows by; empty for the order of time.
    let rowOrder: [(column: Column, isDescending: Bool)]
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
        if keys.count > Query.mostKeys { throw QueryError("at most \(Query.mostKeys) fields to group by") }
        if aggregates.isEmpty && !keys.isEmpty { aggregates = [Aggregate(function: .count)] }
        var shown: [ShownColumn] = []
        for name in spec.select {
            let column = try schema.column(name, in: name, at: 0..<name.unicodeScalars.count)
            shown.append(schema.shown(column, as: name))
        }
        if shown.isEmpty { shown = schema.columns.map { ShownColumn(source: $0, shown: $0, factor: 1) } }
        if let limit = spec.limit, limit < 0 { throw QueryError("a limit of \(limit) rows") }
        let rowOrder = spec.isAggregate ? [] : try Self.rowOrder(spec, schema)

        let mentioned =
            keys.compactMap(\.column) + aggregates.compactMap(\.column)
            + (spec.select.isEmpty ? [] : shown.map(\.source))
            + rowOrder.map(\.column)
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
        self.shown = shown
        self.selected = shown.map(\.shown)
        self.resultColumns = keys.map(\.resultColumn) + aggregates.map(\.resultColumn)
        self.order = spec.isAggregate ? try Self.order(spec, columns: resultColumns, keys: keys) : []
        self.rowOrder = rowOrder
    }

    /// Fields that can be grouped by at once.
    static let mostKeys = 32

    private static func order(
        _ spec: QuerySpec,
        columns: [ResultColumn],
        keys: [GroupKey]
    ) throws(QueryError) -> [(column: Int, isDescending: Bool)] {
        let items = try Self.orderItems(spec)
        if items.isEmpty {
            if let time = keys.firstIndex(where: \.isTime) { return [(time, false)] }
            return [(keys.count < columns.count ? keys.count : 0, true)]
        }
        var order: [(column: Int, isDescending: Bool)] = []
        for item in items {
            // By the name that the answer has, else by another one of the same field.
            let own = FieldAlias.ownName(of: item.name)
            let column =
                columns.firstIndex { $0.name == item.name }
                ?? columns.firstIndex { FieldAlias.ownName(of: $0.name) == own }
            guard let column else {
                let names = columns.map(\.name)
                let hint = NearestName.find(item.name, in: names).map { "; did you mean \"\($0)\"?" }
                throw QueryError(
                    "no column \"\(item.name)\" in the answer"
                        + (hint ?? ", which has \(names.joined(separator: ", "))"),
                    in: item.text,
                    at: item.range
                )
            }
            order.append((column, item.isDescending))
        }
        return order
    }

    private static func rowOrder(
        _ spec: QuerySpec,
        _ schema: QuerySchema
    ) throws(QueryError) -> [(column: Column, isDescending: Bool)] {
        var order: [(column: Column, isDescending: Bool)] = []
        for item in try Self.orderItems(spec) {
            order.append((try schema.column(item.name, in: item.text, at: item.range), item.isDescending))
        }
        // Rows come in the order of time by themselves.
        if order.count == 1, order[0].column.name == "ts", !order[0].isDescending { return [] }
        if !order.isEmpty && spec.limit == nil {
            throw QueryError("single rows in another order than that of time need a limit: how many of them?")
        }
        return order
    }

    private typealias OrderItem = (name: String, isDescending: Bool, text: String, range: Range<Int>)

    private static func orderItems(_ spec: QuerySpec) throws(QueryError) -> [OrderItem] {
        guard let order = spec.order, !order.isEmpty else { return [] }
        let scalars = Array(order.unicodeScalars)
        var items: [OrderItem] = []
        var start = 0
        var depth = 0
        for (index, scalar) in (scalars + [","]).enumerated() {
            if scalar == "(" { depth += 1 }
            if scalar == ")" { depth -= 1 }
            guard scalar == ",", depth == 0 || index == scalars.count else { continue }
            while start < index, scalars[start] == " " { start += 1 }
            var end = index
            while end > start, scalars[end - 1] == " " { end -= 1 }
            let isDescending = start < end && scalars[start] == "-"
            let range = start + (isDescending ? 1 : 0)..<end
            if range.isEmpty { throw QueryError("an empty name", in: order, at: start..<max(end, start + 1)) }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[range])
            items.append((String(view), isDescending, order, range))
            start = index + 1
        }
        return items
    }

    /// Whether rows of that kind can pass, whatever else they hold.
    public func mayConcern(kind: String) -> Bool {
        let pruner = FilterPruner(
            bounds: { $0 == "kind" ? ColumnBounds(nullCount: 0, values: [kind]) : ColumnBounds() },
            rowCount: 1
        )
        return pruner.mayPass(filter)
    }

    /// The question on one line, for what is kept with an answer.
    public var description: String {
        var parts = [spec.filter]
        if !spec.groupBy.isEmpty { parts.append("by " + spec.groupBy.joined(separator: ",")) }
        if !spec.aggregates.isEmpty { parts.append("of " + spec.aggregates.joined(separator: ",")) }
        if let since = spec.sinceNs { parts.append("since " + HumanTime.rfc3339(microseconds: since / 1000)) }
        if let until = spec.untilNs { parts.append("until " + HumanTime.rfc3339(microseconds: until / 1000)) }
        if let order = spec.order { parts.append("order " + order) }
        if let limit = spec.limit { parts.append("limit \(limit)") }
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The columns that are used and that tables beside the archive fill in; none where the question wants rows as written.
    var joinedColumns: Set<String> {
        guard spec.joins else { return [] }
        let used =
            spec.isAggregate ? aggregatedColumns : Set(shown.map(\.source.name) + rowOrder.map(\.column.name))
        return JoinTable.joined(for: filter.columns.union(used))
    }

    /// Columns of which something is computed.
    var measuredColumns: [String] { aggregates.compactMap { $0.column?.name } }

    /// By column of the answer, what its values are multiplied by.
    var factors: [Int64] { keys.map(\.factor) + aggregates.map(\.factor) }

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
