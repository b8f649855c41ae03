/// Values with their groups, in the order in which they came.
struct QuantileSamples {
    private(set) var values: [Double] = []
    private(set) var groups: [Int32] = []
    /// Empty while each value stands for one event.
    private(set) var weights: [Double] = []
    /// What each adds to the variance of an estimated count; as many as ``weights``.
    private(set) var variances: [Double] = []

    var count: Int { values.count }

    /// Adds the numbers of the selected rows.
    mutating func add(_ input: AggregateInput) {
        guard input.column != nil else { return }
        if input.weights != nil { beginWeights() }
        if weights.isEmpty && input.weights == nil {
            input.forEachNumber { _, group, value in
                values.append(value)
                groups.append(Int32(truncatingIfNeeded: group))
            }
        } else {
            input.forEachNumber { index, group, value in
                values.append(value)
                groups.append(Int32(truncatingIfNeeded: group))
                weights.append(input.weight(index))
                variances.append(input.variance(index))
            }
        }
    }

    /// Adds one.
    mutating func add(_ value: Double, _ group: Int, weight: Double, variance: Double) {
        if weight != 1 { beginWeights() }
        if !weights.isEmpty || weight != 1 {
            weights.append(weight)
            variances.append(variance)
        }
        values.append(value)
        groups.append(Int32(truncatingIfNeeded: group))
    }

    private mutating func beginWeights() {
        guard weights.isEmpty else { return }
        weights = [Double](repeating: 1, count: values.count)
        variances = [Double](repeating: 0, count: values.count)
    }
}

/// The same, group by group.
struct GroupedSamples {
    private(set) var values: [Double]
    private let weights: [Double]
    private let variances: [Double]
    /// `starts[g]..<starts[g + 1]` is group g.
    private let starts: [Int]

    init(_ samples: QuantileSamples, groupCount: Int) {
        var starts = [Int](repeating: 0, count: groupCount + 1)
        let groups = samples.groups
        for group in groups { starts[Int(group) + 1] += 1 }
        for group in 0..<groupCount { starts[group + 1] += starts[group] }
        var next = starts
        var values = [Double](repeating: 0, count: groups.count)
        var weights = [Double](repeating: 1, count: samples.weights.count)
        var variances = [Double](repeating: 0, count: samples.variances.count)
        let from = samples.values
        let ofThem = samples.weights
        let theirVariances = samples.variances
        for index in groups.indices {
            let group = Int(groups[index])
            let place = next[group]
            next[group] = place + 1
            values[place] = from[index]
            if !ofThem.isEmpty {
                weights[place] = ofThem[index]
                variances[place] = theirVariances[index]
            }
        }
        self.values = values
        self.weights = weights
        self.variances = variances
        self.starts = starts
    }

    var hasWeights: Bool { !weights.isEmpty }

    func range(of group: Int) -> Range<Int> { starts[group]..<starts[group + 1] }

    func weight(_ place: Int) -> Double { weights.isEmpty ? 1 : weights[place] }

    func variance(_ place: Int) -> Double { variances.isEmpty ? 0 : variances[place] }

    /// The value that would stand at `place` if those in `range` were sorted: moves them about, and only where none has a weight.
    mutating func element(_ place: Int, in range: Range<Int>) -> Double {
        precondition(weights.isEmpty && range.contains(place))
        var low = range.lowerBound
        var high = range.upperBound - 1
        var rounds = 0
        while low < high {
            rounds += 1
            if rounds > 64 || high - low < 24 {
                // Few, or values in the worst of orders.
                values[low...high].sort()
                break
            }
            let pivot = median(values[low], values[low + (high - low) / 2], values[high])
            var left = low
            var right = high
            while left <= right {
                while values[left] < pivot { left += 1 }
                while values[right] > pivot { right -= 1 }
                if left <= right {
                    values.swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if place <= right {
                high = right
            } else if place >= left {
                low = left
            } else {
                break
            }
        }
        return values[place]
    }

    private func median(_ first: Double, _ second: Double, _ third: Double) -> Double {
        max(min(first, second), min(max(first, second), third))
    }
}
