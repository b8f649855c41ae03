import TapioEvents

/// All groups of an answer, and what was computed of them.
final class GroupTable {
    private let query: Query
    private let limits: QueryLimits
    private var groups: [[EventValue]: Int] = [:]
    private var keys: [[EventValue]] = []
    private var accumulators: [any Accumulator] = []
    private var columns: [Column?] = []
    /// By aggregate, its accumulator: several percentiles share one.
    private var places: [Int] = []

    init(_ query: Query, limits: QueryLimits) {
        self.query = query
        self.limits = limits
        var known: [String: Int] = [:]
        for aggregate in query.aggregates {
            let name = "\(Self.family(aggregate.function)) \(aggregate.column?.name ?? "")"
            if let place = known[name] {
                places.append(place)
                continue
            }
            known[name] = accumulators.count
            places.append(accumulators.count)
            accumulators.append(Self.accumulator(aggregate, limits: limits))
            columns.append(aggregate.column)
        }
        // Without keys there is one group, and it is there when no row is: the count of nothing is 0.
        if query.keys.isEmpty { _ = try? place(of: []) }
    }

    private static func family(_ function: Aggregate.Function) -> String {
        switch function {
        case .count: "count"
        case .sum, .average: "sum"
        case .minimum, .maximum: "extreme"
        case .distinct: "distinct"
        case .quantile: "quantile"
        }
    }

    private static func accumulator(_ aggregate: Aggregate, limits: QueryLimits) -> any Accumulator {
        let type = aggregate.column?.type ?? .int64
        return switch aggregate.function {
        case .count: CountAccumulator(countsRows: aggregate.column == nil)
        case .sum, .average: SumAccumulator(isInteger: type != .double)
        case .minimum, .maximum: ExtremeAccumulator(type: type)
        case .distinct: DistinctAccumulator()
        case .quantile: QuantileAccumulator(type: type, exactSamples: limits.exactSamples)
        }
    }

    /// Adds the selected rows of a row group, whose columns have all been read.
    func add(rows: [Int32], weights: [Double]?, _ column: (String) -> ColumnVector?) throws(QueryError) {
        var coder = GroupCoder(rows: rows)
        for key in query.keys { coder.divide(by: key, column(key.columnName)) }
        var groupOfCode: [Int32] = []
        groupOfCode.reserveCapacity(coder.keys.count)
        for key in coder.keys { groupOfCode.append(Int32(try place(of: key))) }
        let groups = coder.codes.map { groupOfCode[Int($0)] }
        for (index, accumulator) in accumulators.enumerated() {
            let vector = columns[index].flatMap { column($0.name) }
            accumulator.add(AggregateInput(rows: rows, groups: groups, weights: weights, column: vector))
        }
        try checkCells()
    }

    private func place(of key: [EventValue]) throws(QueryError) -> Int {
        if let known = groups[key] { return known }
        guard keys.count < limits.groups else {
            throw QueryError(
                "more than \(HumanUnits.count(Int64(limits.groups))) groups: group by fewer fields, or filter more"
            )
        }
        let place = keys.count
        groups[key] = place
        keys.append(key)
        for accumulator in accumulators { accumulator.grow(to: place + 1) }
        return place
    }

    private func checkCells() throws(QueryError) {
        func cells() -> Int { accumulators.reduce(0) { $0 + $1.cells } }
        if cells() <= limits.cells { return }
        for accumulator in accumulators { accumulator.compact() }
        if cells() <= limits.cells { return }
        throw QueryError(
            "percentiles and distinct values need more than \(HumanUnits.count(Int64(limits.cells))) values in memory: "
                + "group by fewer fields, or filter more"
        )
    }

    /// Whether some values are approximate beyond what sampling does.
    var isApproximate: Bool { accumulators.contains { $0.isApproximate } }

    /// The answer's rows, ordered, and how many there were before the limit.
    func rows() -> (rows: [[EventValue]], total: Int) {
        var rows = keys.enumerated().map { group, key in
            key + query.aggregates.enumerated().map { accumulators[places[$0]].value(group, $1.function) }
        }
        if let order = query.order {
            rows.sort { left, right in
                let comparison = EventValueOrder.compare(left[order.column], right[order.column])
                if comparison != 0 { return order.isDescending ? comparison > 0 : comparison < 0 }
                // Ties in the order of the keys, so that an answer is always the same.
                for index in query.keys.indices {
                    let comparison = EventValueOrder.compare(left[index], right[index])
                    if comparison != 0 { return comparison < 0 }
                }
                return false
            }
        }
        let total = rows.count
        if let limit = query.spec.limit, limit < total { rows.removeLast(total - limit) }
        return (rows, total)
    }
}

/// The order of values; null before all else.
enum EventValueOrder {
    static func compare(_ left: EventValue, _ right: EventValue) -> Int {
        switch (left, right) {
        case (.null, .null): 0
        case (.null, _): -1
        case (_, .null): 1
        case (.string(let left), .string(let right)): sign(left.utf8.lexicographicallyPrecedes(right.utf8), left == right)
        case (.timestamp(let left), .timestamp(let right)): sign(left < right, left == right)
        case (.int(let left), .int(let right)): sign(left < right, left == right)
        default: sign(number(left) < number(right), number(left) == number(right))
        }
    }

    private static func sign(_ isLess: Bool, _ isEqual: Bool) -> Int { isEqual ? 0 : isLess ? -1 : 1 }

    private static func number(_ value: EventValue) -> Double {
        switch value {
        case .int(let value), .timestamp(let value): Double(value)
        case .double(let value): value
        case .null, .string: 0
        }
    }
}
