import TapioEvents

/// Percentiles: the smallest value that, with all below it, stands for at least that part of all events.
///
/// Exact while all groups together have few samples; beyond, groups with many of them are histograms whose buckets are 1/256 of
/// their value wide, so that the answer is within 0.2 % of the exact one.
final class QuantileAccumulator: Accumulator {
    private let type: ColumnType
    private let mostSamples: Int
    private var pending = QuantileSamples()
    private var histogram = QuantileHistogram()
    /// By group, whether samples of it are in the histogram.
    private var isLarge: [Bool] = []
    /// The pending samples by group; nil where some came since.
    private var sorted: GroupedSamples?

    /// Samples of a group below which a histogram saves little.
    private static let largeGroup = 512

    init(type: ColumnType, exactSamples: Int) {
        self.type = type
        mostSamples = max(1, exactSamples)
    }

    var cells: Int { histogram.count }
    var isApproximate: Bool { histogram.count > 0 }

    func grow(to count: Int) { isLarge.append(contentsOf: repeatElement(false, count: count - isLarge.count)) }

    func add(_ input: AggregateInput) {
        sorted = nil
        var samples = QuantileSamples()
        swap(&samples, &pending)
        samples.add(input)
        swap(&samples, &pending)
        if pending.count > mostSamples { compact(to: mostSamples / 2) }
    }

    func compact() { compact(to: 0) }

    /// Moves samples into the histogram, those of the largest groups first, until at most `count` are left.
    private func compact(to count: Int) {
        sorted = nil
        for threshold in [min(Self.largeGroup, mostSamples), 16, 0] where pending.count > count {
            let groups = GroupedSamples(pending, groupCount: isLarge.count)
            var kept = QuantileSamples()
            for group in isLarge.indices {
                let range = groups.range(of: group)
                if range.isEmpty { continue }
                if isLarge[group] || range.count > threshold {
                    isLarge[group] = true
                    for place in range {
                        histogram.add(
                            group,
                            groups.values[place],
                            weight: groups.weight(place),
                            variance: groups.variance(place)
                        )
                    }
                } else {
                    for place in range {
                        kept.add(
                            groups.values[place],
                            group,
                            weight: groups.weight(place),
                            variance: groups.variance(place)
                        )
                    }
                }
            }
            pending = kept
        }
        histogram.endAdding()
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        guard case .quantile(let fraction, _) = function else { return .null }
        return quantile(group, fraction).map(typed) ?? .null
    }

    private func quantile(_ group: Int, _ fraction: Double) -> Double? {
        if sorted == nil { sorted = GroupedSamples(pending, groupCount: isLarge.count) }
        let range = sorted?.range(of: group) ?? 0..<0
        if !isLarge[group] && sorted?.hasWeights == false {
            if range.isEmpty { return nil }
            let total = Double(range.count)
            let rank = Int((fraction * total - total * 1e-12).rounded(.up))
            return sorted?.element(range.lowerBound + min(max(rank, 1), range.count) - 1, in: range)
        }
        return distribution(group).quantile(fraction)
    }

    /// All that is known of a group's values, in their order.
    private func distribution(_ group: Int) -> WeightedDistribution {
        if sorted == nil { sorted = GroupedSamples(pending, groupCount: isLarge.count) }
        guard let sorted else { return WeightedDistribution([]) }
        var parts: [WeightedDistribution.Part] = isLarge[group] ? histogram.parts(of: group) : []
        for place in sorted.range(of: group) {
            parts.append(
                .init(value: sorted.values[place], weight: sorted.weight(place), variance: sorted.variance(place))
            )
        }
        return WeightedDistribution(parts)
    }

    func interval(_ group: Int, _ function: Aggregate.Function) -> ClosedRange<Double>? {
        guard case .quantile(let fraction, _) = function else { return nil }
        return distribution(group).interval(fraction)
    }

    private func typed(_ value: Double) -> EventValue {
        switch type {
        case .double: .double(value)
        case .timestamp: .timestamp(Int64(clamping: value))
        case .int32, .int64, .string: .int(Int64(clamping: value))
        }
    }
}

/// Values with what each stands for, in their order.
struct WeightedDistribution {
    /// A value, the events that it stands for, and what it adds to the variance of their estimated number.
    struct Part {
        var value: Double
        var weight: Double
        var variance: Double
    }

    private let parts: [Part]
    private let total: Double
    private let variance: Double

    init(_ parts: [Part]) {
        self.parts = parts.sorted { $0.value < $1.value }
        total = parts.reduce(0) { $0 + $1.weight }
        variance = parts.reduce(0) { $0 + $1.variance }
    }

    /// The smallest value that, with all below it, stands for at least that part of all; nil where there is none.
    func quantile(_ fraction: Double) -> Double? {
        guard let last = parts.last else { return nil }
        // A part of a billionth is rounding of the sum, not another rank.
        let wanted = fraction * total - total * 1e-12
        var below = 0.0
        for part in parts {
            below += part.weight
            if below >= wanted { return part.value }
        }
        return last.value
    }

    /// Where the true quantile lies with a probability of 95 %, where each event was drawn on its own (Woodruff's way: the
    /// interval of the part of events below it, turned into values).
    func interval(_ fraction: Double) -> ClosedRange<Double>? {
        guard let value = quantile(fraction), total > 0 else { return nil }
        var below = 0.0
        for part in parts {
            if part.value > value { break }
            below += part.variance
        }
        let spread = below * (1 - fraction) * (1 - fraction) + max(0, variance - below) * fraction * fraction
        let half = WeightedEstimate.z95 * spread.squareRoot() / total
        if half == 0 { return value...value }
        guard let low = quantile(max(0, fraction - half)), let high = quantile(min(1, fraction + half)) else {
            return nil
        }
        return min(low, value)...max(high, value)
    }
}

extension Int64 {
    /// The nearest integer.
    init(clamping value: Double) {
        self = Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
    }
}
