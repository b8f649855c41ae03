import TapioEvents

/// The selected rows of a row group, with what one accumulator needs of them.
struct AggregateInput {
    /// Places in the row group.
    let rows: [Int32]
    /// By selected row, its group.
    let groups: [Int32]
    /// By selected row, the events that it stands for; nil where each stands for one.
    let weights: [Double]?
    /// By selected row, what it adds to the variance of an estimated count; nil with `weights`.
    let variances: [Double]?
    /// The aggregated column; nil for rows as such, or where the file has none.
    let column: ColumnVector?

    @inline(__always)
    func weight(_ index: Int) -> Double { weights?[index] ?? 1 }

    @inline(__always)
    func variance(_ index: Int) -> Double { variances?[index] ?? 0 }

    /// Calls `body` with each selected row that has a number.
    @inline(__always)
    func forEachNumber(_ body: (_ index: Int, _ group: Int, _ value: Double) -> Void) {
        guard let column else { return }
        switch column.values {
        case .integers(let values):
            guard let validity = column.validity else {
                for index in rows.indices { body(index, Int(groups[index]), Double(values[Int(rows[index])])) }
                return
            }
            for index in rows.indices {
                let row = Int(rows[index])
                if validity[row >> 6] >> UInt64(row & 63) & 1 == 0 { continue }
                body(index, Int(groups[index]), Double(values[row]))
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
///
/// The arrays of a class are checked for exclusive access at each use: `add` takes them into variables of its own meanwhile.
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
    /// Where the true value lies with a probability of 95 %, given how rows were sampled; nil where nothing can be said.
    func interval(_ group: Int, _ function: Aggregate.Function) -> ClosedRange<Double>?
    /// Whether some values are approximate, beyond what sampling does.
    var isApproximate: Bool { get }
}

extension Accumulator {
    var cells: Int { 0 }
    var isApproximate: Bool { false }
    func compact() {}
    func interval(_ group: Int, _ function: Aggregate.Function) -> ClosedRange<Double>? { nil }
}

/// `count` and `count(x)`: the weights' sum.
final class CountAccumulator: Accumulator {
    private let countsRows: Bool
    private var exact: [Int64] = []
    /// What is estimated; empty until a row was sampled.
    private var sampled: [Sampled] = []

    private struct Sampled {
        var kept: UInt64 = 0
        var total = 0.0
        var variance = 0.0
    }

    init(countsRows: Bool) { self.countsRows = countsRows }

    func grow(to count: Int) {
        exact.append(contentsOf: repeatElement(0, count: count - exact.count))
        if !sampled.isEmpty { growSampled() }
    }

    private func growSampled() {
        sampled.append(contentsOf: repeatElement(Sampled(), count: exact.count - sampled.count))
    }

    func add(_ input: AggregateInput) {
        if !countsRows && input.column == nil { return }
        var counts: [Int64] = []
        swap(&counts, &exact)
        defer { swap(&counts, &exact) }
        if let weights = input.weights {
            if sampled.isEmpty { sampled = [Sampled](repeating: Sampled(), count: counts.count) }
            for index in input.rows.indices where isCounted(input, index) {
                let group = Int(input.groups[index])
                let variance = input.variance(index)
                if variance == 0 {
                    // It stands for a number of events that is known.
                    let (sum, isFar) = counts[group].addingReportingOverflow(Int64(clamping: weights[index]))
                    counts[group] = isFar ? .max : sum
                } else {
                    sampled[group].kept += 1
                    sampled[group].total += weights[index]
                    sampled[group].variance += variance
                }
            }
        } else if countsRows || input.column?.validity == nil {
            for group in input.groups { counts[Int(group)] += 1 }
        } else {
            for index in input.rows.indices where isCounted(input, index) { counts[Int(input.groups[index])] += 1 }
        }
    }

    private func isCounted(_ input: AggregateInput, _ index: Int) -> Bool {
        countsRows || input.column?.isValid(Int(input.rows[index])) == true
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        let estimated = sampled.isEmpty ? 0 : Int64(clamping: sampled[group].total)
        return .int(exact[group] &+ estimated)
    }

    func interval(_ group: Int, _ function: Aggregate.Function) -> ClosedRange<Double>? {
        let known = Double(exact[group])
        if sampled.isEmpty || sampled[group].kept == 0 { return known...known }
        let part = sampled[group]
        let estimate = WeightedEstimate(kept: part.kept, total: part.total, variance: part.variance).interval()
        return known + estimate.lowerBound...known + estimate.upperBound
    }
}

/// `min` and `max`: of the rows that were kept, whatever they stand for.
final class ExtremeAccumulator: Accumulator {
    private let type: ColumnType
    private var integers: [Extreme<Int64>] = []
    private var doubles: [Extreme<Double>] = []

    private struct Extreme<Value: Comparable> {
        var low: Value
        var high: Value
        var isEmpty = true

        mutating func add(_ value: Value) {
            if value < low || isEmpty { low = value }
            if value > high || isEmpty { high = value }
            isEmpty = false
        }
    }

    init(type: ColumnType) { self.type = type }

    func grow(to count: Int) {
        if type == .double {
            doubles.append(contentsOf: repeatElement(Extreme(low: 0, high: 0), count: count - doubles.count))
        } else {
            integers.append(contentsOf: repeatElement(Extreme(low: 0, high: 0), count: count - integers.count))
        }
    }

    func add(_ input: AggregateInput) {
        guard let column = input.column else { return }
        if type == .double {
            var extremes: [Extreme<Double>] = []
            swap(&extremes, &doubles)
            defer { swap(&extremes, &doubles) }
            input.forEachNumber { _, group, value in extremes[group].add(value) }
            return
        }
        guard case .integers(let values) = column.values else { return }
        var extremes: [Extreme<Int64>] = []
        swap(&extremes, &integers)
        defer { swap(&extremes, &integers) }
        for index in input.rows.indices where column.isValid(Int(input.rows[index])) {
            extremes[Int(input.groups[index])].add(values[Int(input.rows[index])])
        }
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        let isMinimum = function == .minimum
        if type == .double {
            let extreme = doubles[group]
            return extreme.isEmpty ? .null : .double(isMinimum ? extreme.low : extreme.high)
        }
        let extreme = integers[group]
        if extreme.isEmpty { return .null }
        let value = isMinimum ? extreme.low : extreme.high
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
        var sets: [Set<Int>] = []
        swap(&sets, &seen)
        defer { swap(&sets, &seen) }
        var more = 0
        for index in input.rows.indices {
            let row = Int(input.rows[index])
            if case .texts(let texts) = column.values, texts.indices[row] == TextVector.noValue { continue }
            guard column.isValid(row) else { continue }
            if sets[Int(input.groups[index])].insert(hash(row)).inserted { more += 1 }
        }
        cells += more
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue { .int(Int64(seen[group].count)) }
}
