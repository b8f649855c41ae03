import TapioEvents

/// All groups of an answer, and what was computed of them.
final class GroupTable {
    private let query: Query
    private let limits: QueryLimits
    private let keys: [GroupKeyColumn]
    private var index: GroupIndex
    private var accumulators: [any Accumulator] = []
    private var columns: [Column?] = []
    /// By aggregate, its accumulator: several percentiles share one.
    private var places: [Int] = []
    /// Keys and groups of the rows at hand; kept for their memory.
    private var words: [Int64] = []
    private var groups: [Int32] = []

    /// A group's place in the answer.
    struct Answer {
        var rows: [[EventValue]]
        /// By row and aggregate, where the true value lies; empty where nobody asked.
        var intervals: [[ClosedRange<Double>?]]
        /// Rows before the limit.
        var total: Int
    }

    init(_ query: Query, limits: QueryLimits) {
        self.query = query
        self.limits = limits
        keys = query.keys.map { GroupKeyColumn($0) }
        index = GroupIndex(stride: query.keys.count + 1)
        var known: [String: Int] = [:]
        let percentiles = Set(query.aggregates.filter(\.function.isQuantile).map { $0.column?.name ?? "" }).count
        for aggregate in query.aggregates {
            let name = "\(Self.family(aggregate.function)) \(aggregate.column?.name ?? "")"
            if let place = known[name] {
                places.append(place)
                continue
            }
            known[name] = accumulators.count
            places.append(accumulators.count)
            accumulators.append(Self.accumulator(aggregate, samples: limits.exactSamples / max(1, percentiles)))
            columns.append(aggregate.column)
        }
        // Without keys there is one group, and it is there when no row is: the count of nothing is 0.
        if keys.isEmpty {
            _ = index.find([0], rows: 1, limit: 1, into: &groups)
            for accumulator in accumulators { accumulator.grow(to: 1) }
        }
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

    private static func accumulator(_ aggregate: Aggregate, samples: Int) -> any Accumulator {
        let type = aggregate.column?.type ?? .int64
        return switch aggregate.function {
        case .count: CountAccumulator(countsRows: aggregate.column == nil)
        case .sum, .average: SumAccumulator(isInteger: type != .double)
        case .minimum, .maximum: ExtremeAccumulator(type: type)
        case .distinct: DistinctAccumulator()
        case .quantile: QuantileAccumulator(type: type, exactSamples: samples)
        }
    }

    /// Adds the selected rows of a row group, whose columns have all been read.
    func add(_ selected: SelectedRows, _ column: (String) -> ColumnVector?) throws(QueryError) {
        let rows = selected.rows
        let stride = index.stride
        words.removeAll(keepingCapacity: true)
        words.append(contentsOf: repeatElement(0, count: rows.count * stride))
        for (place, key) in keys.enumerated() {
            key.write(rows, of: column(key.key.columnName), to: &words, stride: stride, place: place)
        }
        guard index.find(words, rows: rows.count, limit: limits.groups, into: &groups) else {
            throw QueryError(
                "more than \(HumanUnits.count(Int64(limits.groups))) groups: group by fewer fields, or filter more"
            )
        }
        let textBytes = keys.reduce(0) { $0 + $1.textBytes }
        if textBytes > limits.groupTextBytes {
            throw QueryError(
                "the groups' names take more than \(HumanUnits.bytes(Int64(limits.groupTextBytes))): group by fewer fields, or filter more"
            )
        }
        for (index, accumulator) in accumulators.enumerated() {
            let vector = columns[index].flatMap { column($0.name) }
            accumulator.grow(to: self.index.count)
            accumulator.add(
                AggregateInput(
                    rows: rows,
                    groups: groups,
                    weights: selected.weights,
                    variances: selected.variances,
                    column: vector
                )
            )
        }
        try checkCells()
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

    /// The answer's rows as of now, in order.
    func answer(withIntervals: Bool) throws(QueryError) -> Answer {
        if min(query.spec.limit ?? .max, index.count) > limits.answerRows {
            throw QueryError(
                "an answer of \(HumanUnits.count(Int64(index.count))) rows is more than memory is kept for: ask for the first "
                    + "with a limit of at most \(HumanUnits.count(Int64(limits.answerRows))), or group by fewer fields"
            )
        }
        let ordering = query.order.map { order -> Ordering in
            if order.column < keys.count { return Ordering(key: order.column, isDescending: order.isDescending) }
            let values = (0..<index.count).map { value($0, order.column - keys.count) }
            return Ordering(values: values, isDescending: order.isDescending)
        }
        func precedes(_ left: Int32, _ right: Int32) -> Bool { self.precedes(Int(left), Int(right), ordering) }
        let all = (0..<Int32(index.count))
        var chosen: [Int32]
        if let limit = query.spec.limit, limit < index.count / 4 {
            chosen = all.first(limit, by: precedes)
        } else {
            chosen = all.sorted(by: precedes)
            if let limit = query.spec.limit, limit < chosen.count { chosen.removeLast(chosen.count - limit) }
        }
        var answer = Answer(rows: [], intervals: [], total: index.count)
        answer.rows = chosen.map { group in
            keys.indices.map { key(Int(group), $0) } + query.aggregates.indices.map { value(Int(group), $0) }
        }
        if withIntervals {
            answer.intervals = chosen.map { group in
                query.aggregates.enumerated().map { place, aggregate in
                    accumulators[places[place]].interval(Int(group), aggregate.function)
                }
            }
        }
        return answer
    }

    /// What groups are ordered by: a key, or values that were computed.
    private struct Ordering {
        var key = 0
        var values: [EventValue]?
        var isDescending: Bool
    }

    private func precedes(_ left: Int, _ right: Int, _ ordering: [Ordering]) -> Bool {
        for item in ordering {
            let comparison =
                item.values.map { EventValueOrder.compare($0[left], $0[right]) } ?? compare(left, right, item.key)
            if comparison != 0 { return item.isDescending ? comparison > 0 : comparison < 0 }
        }
        // Ties in the order of the keys, so that an answer is always the same.
        for key in keys.indices {
            let comparison = compare(left, right, key)
            if comparison != 0 { return comparison < 0 }
        }
        return false
    }

    private func compare(_ left: Int, _ right: Int, _ key: Int) -> Int {
        let (leftBase, rightBase) = (left * index.stride, right * index.stride)
        let isLeftNull = isNull(leftBase, key)
        let isRightNull = isNull(rightBase, key)
        if isLeftNull || isRightNull { return isLeftNull == isRightNull ? 0 : isLeftNull ? -1 : 1 }
        return keys[key].compare(index.words[leftBase + key], index.words[rightBase + key])
    }

    private func isNull(_ base: Int, _ key: Int) -> Bool {
        index.words[base + index.stride - 1] >> Int64(key & 63) & 1 != 0
    }

    private func key(_ group: Int, _ key: Int) -> EventValue {
        let base = group * index.stride
        return isNull(base, key) ? .null : keys[key].value(index.words[base + key])
    }

    private func value(_ group: Int, _ aggregate: Int) -> EventValue {
        accumulators[places[aggregate]].value(group, query.aggregates[aggregate].function)
    }
}

extension Range<Int32> {
    /// The first `count` in an order, sorted: with a heap of as many, whose top is the last of them.
    fileprivate func first(_ count: Int, by precedes: @escaping (Int32, Int32) -> Bool) -> [Int32] {
        var heap = BoundedHeap<Int32>(count: count, precedes)
        for element in self { heap.offer(element) }
        return heap.sorted
    }
}

/// The order of values; null before all else.
enum EventValueOrder {
    static func compare(_ left: EventValue, _ right: EventValue) -> Int {
        switch (left, right) {
        case (.int(let left), .int(let right)): sign(left < right, left == right)
        case (.null, .null): 0
        case (.null, _): -1
        case (_, .null): 1
        case (.string(let left), .string(let right)):
            sign(left.utf8.lexicographicallyPrecedes(right.utf8), left == right)
        case (.timestamp(let left), .timestamp(let right)): sign(left < right, left == right)
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
