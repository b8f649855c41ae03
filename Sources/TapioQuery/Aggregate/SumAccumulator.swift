import TapioEvents

/// `sum` and `avg`. Integers of unsampled rows are added exactly.
final class SumAccumulator: Accumulator {
    private let isInteger: Bool
    private var sums: [Cell] = []
    /// Of what is estimated; empty until a row was sampled.
    private var moments: [Moments] = []

    private struct Cell {
        var exact: Int64 = 0
        var sum = 0.0
        var weight = 0.0
        var isInexact = false
    }

    /// Sums of v, v·x and v·x², where v is what a row adds to the variance of a count. With rows drawn each on its own, v·x² is
    /// what it adds to that of a sum (Horvitz and Thompson).
    private struct Moments {
        var zeroth = 0.0
        var first = 0.0
        var second = 0.0
    }

    init(isInteger: Bool) { self.isInteger = isInteger }

    func grow(to count: Int) {
        sums.append(contentsOf: repeatElement(Cell(isInexact: !isInteger), count: count - sums.count))
        if !moments.isEmpty {
            moments.append(contentsOf: repeatElement(Moments(), count: count - moments.count))
        }
    }

    func add(_ input: AggregateInput) {
        guard let column = input.column else { return }
        var cells: [Cell] = []
        swap(&cells, &sums)
        defer { swap(&cells, &sums) }
        if case .integers(let values) = column.values, input.weights == nil {
            for index in input.rows.indices where column.isValid(Int(input.rows[index])) {
                Self.add(values[Int(input.rows[index])], to: &cells[Int(input.groups[index])])
            }
            return
        }
        if input.variances != nil && moments.isEmpty {
            moments = [Moments](repeating: Moments(), count: cells.count)
        }
        var estimated: [Moments] = []
        swap(&estimated, &moments)
        defer { swap(&estimated, &moments) }
        input.forEachNumber { index, group, value in
            let weight = input.weight(index)
            let variance = input.variance(index)
            cells[group].sum += value * weight
            cells[group].weight += weight
            cells[group].isInexact = true
            if variance == 0 { return }
            estimated[group].zeroth += variance
            estimated[group].first += variance * value
            estimated[group].second += variance * value * value
        }
    }

    @inline(__always)
    private static func add(_ value: Int64, to cell: inout Cell) {
        let (sum, overflow) = cell.exact.addingReportingOverflow(value)
        cell.exact = sum
        if overflow { cell.isInexact = true }
        cell.sum += Double(value)
        cell.weight += 1
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        let cell = sums[group]
        if cell.weight == 0 { return .null }
        if function == .average { return .double(cell.sum / cell.weight) }
        if !cell.isInexact { return .int(cell.exact) }
        // An estimated number of nanoseconds or bytes is still a whole one.
        if isInteger, let whole = Int64(exactly: cell.sum.rounded()) { return .int(whole) }
        return .double(cell.sum)
    }

    func interval(_ group: Int, _ function: Aggregate.Function) -> ClosedRange<Double>? {
        let cell = sums[group]
        if cell.weight == 0 { return nil }
        let moments = moments.isEmpty ? Moments() : moments[group]
        if function != .average {
            let half = WeightedEstimate.z95 * moments.second.squareRoot()
            return Self.interval(cell.sum, half)
        }
        // A ratio of two estimates: the variance is that of the rows' distances from it.
        let mean = cell.sum / cell.weight
        let spread = moments.second - 2 * mean * moments.first + mean * mean * moments.zeroth
        let half = WeightedEstimate.z95 * max(0, spread).squareRoot() / cell.weight
        return Self.interval(mean, half)
    }

    /// Nil beyond what a number can hold.
    private static func interval(_ middle: Double, _ half: Double) -> ClosedRange<Double>? {
        guard (middle - half).isFinite, (middle + half).isFinite else { return nil }
        return middle - half...middle + half
    }
}
