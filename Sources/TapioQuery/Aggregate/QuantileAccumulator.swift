import TapioEvents

/// Percentiles: the smallest value that, with all below it, stands for at least that part of all events.
///
/// Exact while a group has few samples; beyond, a histogram whose buckets are 1/256 of their value wide, so that the
/// answer is within 0.2 % of the exact one.
final class QuantileAccumulator: Accumulator {
    private let type: ColumnType
    private let exactSamples: Int
    private var samples: [[Sample]] = []
    private var buckets: [[Int64: Double]] = []
    private(set) var cells = 0
    private(set) var isApproximate = false

    private struct Sample {
        var value: Double
        var weight: Double
    }

    init(type: ColumnType, exactSamples: Int) {
        self.type = type
        self.exactSamples = exactSamples
    }

    func grow(to count: Int) {
        samples.append(contentsOf: repeatElement([], count: count - samples.count))
        buckets.append(contentsOf: repeatElement([:], count: count - buckets.count))
    }

    func add(_ input: AggregateInput) {
        input.forEachNumber { index, group, value in
            let weight = input.weight(index)
            if buckets[group].isEmpty {
                samples[group].append(Sample(value: value, weight: weight))
                cells += 1
                if samples[group].count > exactSamples { compact(group) }
            } else {
                addToBucket(group, value, weight)
            }
        }
    }

    func compact() {
        for group in samples.indices where samples[group].count > 512 { compact(group) }
    }

    private func compact(_ group: Int) {
        isApproximate = true
        cells -= samples[group].count
        for sample in samples[group] { addToBucket(group, sample.value, sample.weight) }
        samples[group] = []
    }

    private func addToBucket(_ group: Int, _ value: Double, _ weight: Double) {
        let before = buckets[group].count
        buckets[group][Self.bucket(value), default: 0] += weight
        cells += buckets[group].count - before
    }

    /// Sign, exponent and eight bits of the fraction, in the order of the values.
    private static func bucket(_ value: Double) -> Int64 {
        let bits = Int64(bitPattern: (value == 0 ? 0 : value).magnitude.bitPattern) >> 44
        return value < 0 ? -bits - 1 : bits
    }

    private static func middle(_ bucket: Int64) -> Double {
        let bits = bucket < 0 ? -(bucket + 1) : bucket
        let low = Double(bitPattern: UInt64(bits) << 44)
        let middle = bits == 0 ? 0 : Double(bitPattern: UInt64(bits) << 44 | 1 << 43)
        // Integers below 512 have a bucket of their own.
        let value = low.magnitude < 512 && low == low.rounded() ? low : middle
        return bucket < 0 ? -value : value
    }

    func value(_ group: Int, _ function: Aggregate.Function) -> EventValue {
        guard case .quantile(let fraction, _) = function else { return .null }
        var weighted: [Sample] =
            buckets[group].isEmpty
            ? samples[group] : buckets[group].map { Sample(value: Self.middle($0.key), weight: $0.value) }
        guard !weighted.isEmpty else { return .null }
        weighted.sort { $0.value < $1.value }
        let total = weighted.reduce(0) { $0 + $1.weight }
        // A part of a billionth is rounding of the sum, not another rank.
        let wanted = fraction * total - total * 1e-12
        var below = 0.0
        var found = weighted[weighted.count - 1].value
        for sample in weighted {
            below += sample.weight
            if below >= wanted {
                found = sample.value
                break
            }
        }
        switch type {
        case .double: return .double(found)
        case .timestamp: return .timestamp(Int64(clamping: found))
        case .int32, .int64, .string: return .int(Int64(clamping: found))
        }
    }
}

extension Int64 {
    /// The nearest integer.
    init(clamping value: Double) {
        self = Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
    }
}
