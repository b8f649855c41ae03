import TapioEvents

/// The selected rows of a row group, with what one accumulator needs of them.
struct AggregateInput {
    /// Places in the row group.
    let rows: [Int32]
    /// By selected row, its group.
    let groups: [Int32]
    /// By selected row, the events that it stands for; nil where each stands for one.
    let weights: [Double]?
    /// The aggregated column; nil for rows as such, or where the file has none.
    let column: ColumnVector?

    @inline(__always)
    func weight(_ index: Int) -> Double { weights?[index] ?? 1 }

    /// Calls `body` with each selected row that has a number.
    @inline(__always)
    func forEachNumber(_ body: (_ index: Int, _ group: Int, _ value: Double) -> Void) {
        guard let column else { return }
        switch column.values {
        case .integers(let values):
            for index in rows.indices where column.isValid(Int(rows[index])) {
                body(index, Int(groups[index]), Double(values[Int(rows[index])]))
            }
        case .doubles(let values):
            for index in rows.indices where column.isValid(Int(rows[index])) && !values[Int(rows[index])].isNaN {
                body(index, Int(groups[index]), values[Int(rows[index])])
            }
        case .texts: break
        }
    }
}

/// Collects one value for each group.
protocol Accumulator: AnyObject {
    /// Makes room for groups up to `count`.
    func grow(to count: Int)
    /// Adds rows.
    func add(_ input: AggregateInput)
    /// Values held beside one per group; what is bounded by ``QueryLimits/cells``.
    var cells: Int { get }
    /// Gives up exactness for memory, if it can.
    func compact()
    /// The value of a group.
    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue
    /// Whether some values are approximate, beyond what sampling does.
    var isApproximate: Bool { get }
}

extension Accumulator {
    var cells: Int { 0 }
    var isApproximate: Bool { false }
    func compact() {}
}

/// `count` and `count(x)`: the weights' sum.
final class CountAccumulator: Accumulator {
    private let countsRows: Bool
    private var exact: [Int64] = []
    private var weighted: [Double] = []

    init(countsRows: Bool) { self.countsRows = countsRows }

    func grow(to count: Int) {
        exact.append(contentsOf: repeatElement(0, count: count - exact.count))
        weighted.append(contentsOf: repeatElement(0, count: count - weighted.count))
    }

    func add(_ input: AggregateInput) {
        if !countsRows && input.column == nil { return }
        if let weights = input.weights {
            for index in input.rows.indices where isCounted(input, index) {
                weighted[Int(input.groups[index])] += weights[index]
            }
        } else if input.column?.validity == nil {
            for group in input.groups { exact[Int(group)] += 1 }
        } else {
            for index in input.rows.indices where isCounted(input, index) { exact[Int(input.groups[index])] += 1 }
        }
    }

    private func isCounted(_ input: AggregateInput, _ index: Int) -> Bool {
        countsRows || input.column?.isValid(Int(input.rows[index])) == true
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        .int(exact[group] + Int64(weighted[group].rounded()))
    }
}

/// `sum` and `avg`. Integers of unsampled rows are added exactly.
final class SumAccumulator: Accumulator {
    private let isInteger: Bool
    private var exact: [Int64] = []
    private var isInexact: [Bool] = []
    private var sums: [Double] = []
    private var weights: [Double] = []

    init(isInteger: Bool) { self.isInteger = isInteger }

    func grow(to count: Int) {
        exact.append(contentsOf: repeatElement(0, count: count - exact.count))
        isInexact.append(contentsOf: repeatElement(!isInteger, count: count - isInexact.count))
        sums.append(contentsOf: repeatElement(0, count: count - sums.count))
        weights.append(contentsOf: repeatElement(0, count: count - weights.count))
    }

    func add(_ input: AggregateInput) {
        guard let column = input.column else { return }
        if case .integers(let values) = column.values, input.weights == nil {
            for index in input.rows.indices where column.isValid(Int(input.rows[index])) {
                let group = Int(input.groups[index])
                let value = values[Int(input.rows[index])]
                let (sum, overflow) = exact[group].addingReportingOverflow(value)
                exact[group] = sum
                if overflow { isInexact[group] = true }
                sums[group] += Double(value)
                weights[group] += 1
            }
            return
        }
        input.forEachNumber { index, group, value in
            let weight = input.weight(index)
            sums[group] += value * weight
            weights[group] += weight
            isInexact[group] = true
        }
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        if weights[group] == 0 { return .null }
        if function == .average { return .double(sums[group] / weights[group]) }
        if !isInexact[group] { return .int(exact[group]) }
        // An estimated number of nanoseconds or bytes is still a whole one.
        if isInteger, let whole = Int64(exactly: sums[group].rounded()) { return .int(whole) }
        return .double(sums[group])
    }
}

/// `min` and `max`: of the rows that were kept, whatever they stand for.
final class ExtremeAccumulator: Accumulator {
    private let type: ColumnType
    private var integers: [(low: Int64, high: Int64)] = []
    private var doubles: [(low: Double, high: Double)] = []
    private var isEmpty: [Bool] = []

    init(type: ColumnType) { self.type = type }

    func grow(to count: Int) {
        let more = count - isEmpty.count
        integers.append(contentsOf: repeatElement((.max, .min), count: more))
        doubles.append(contentsOf: repeatElement((.infinity, -.infinity), count: more))
        isEmpty.append(contentsOf: repeatElement(true, count: more))
    }

    func add(_ input: AggregateInput) {
        guard let column = input.column else { return }
        if case .integers(let values) = column.values {
            for index in input.rows.indices where column.isValid(Int(input.rows[index])) {
                let group = Int(input.groups[index])
                let value = values[Int(input.rows[index])]
                if value < integers[group].low { integers[group].low = value }
                if value > integers[group].high { integers[group].high = value }
                isEmpty[group] = false
            }
            return
        }
        input.forEachNumber { _, group, value in
            doubles[group].low = min(doubles[group].low, value)
            doubles[group].high = max(doubles[group].high, value)
            isEmpty[group] = false
        }
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        if isEmpty[group] { return .null }
        let isMinimum = function == .minimum
        if type == .double { return .double(isMinimum ? doubles[group].low : doubles[group].high) }
        let value = isMinimum ? integers[group].low : integers[group].high
        return type == .timestamp ? .timestamp(value) : .int(value)
    }
}

/// `distinct`: how many values occur. Told apart by a 64-bit hash with a secret seed.
final class DistinctAccumulator: Accumulator {
    private var seen: [Set<Int>] = []
    private(set) var cells = 0

    func grow(to count: Int) { seen.append(contentsOf: repeatElement([], count: count - seen.count)) }

    func add(_ input: AggregateInput) {
        guard let column = input.column else { return }
        switch column.values {
        case .integers(let values):
            insert(input, column) { values[$0].hashValue }
        case .doubles(let values):
            insert(input, column) { values[$0].hashValue }
        case .texts(let texts):
            var hashes = [Int?](repeating: nil, count: texts.entryCount)
            insert(input, column) { row in
                let entry = Int(texts.indices[row])
                if let known = hashes[entry] { return known }
                let hash = Array(texts.entry(entry)).hashValue
                hashes[entry] = hash
                return hash
            }
        }
    }

    private func insert(_ input: AggregateInput, _ column: ColumnVector, _ hash: (Int) -> Int) {
        for index in input.rows.indices {
            let row = Int(input.rows[index])
            if case .texts(let texts) = column.values, texts.indices[row] == TextVector.noValue { continue }
            guard column.isValid(row) else { continue }
            if seen[Int(input.groups[index])].insert(hash(row)).inserted { cells += 1 }
        }
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue { .int(Int64(seen[group].count)) }
}
