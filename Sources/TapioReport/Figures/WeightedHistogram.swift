/// Weighted durations in classes whose bounds are a sixteenth of a power of two apart: at most 6.25 % off. About 6 KiB once
/// something is in it. Durations from 2^48 ns (3 days) on are one class; ``maximum`` is exact.
struct WeightedHistogram: Sendable {
    private static let bits = 4
    private static let classes = 46 << bits
    private var counts: [Double] = []
    /// The sum of the weights.
    private(set) var total = 0.0
    /// Durations that were counted, whatever their weights: of so many a percentile is known.
    private(set) var samples = 0.0
    /// The greatest duration; nil for none.
    private(set) var maximum: Int64?

    /// Counts a duration in nanoseconds; a negative one as 0.
    mutating func add(_ nanoseconds: Int64, weight: Double) { add(nanoseconds, weight: weight, samples: 1) }

    private mutating func add(_ nanoseconds: Int64, weight: Double, samples more: Double) {
        if counts.isEmpty { counts = [Double](repeating: 0, count: Self.classes) }
        counts[Self.index(of: nanoseconds)] += weight
        total += weight
        samples += more
        if nanoseconds > maximum ?? .min { maximum = nanoseconds }
    }

    /// Counts what a summary row says: `class:count class:count`, see the column agg_histogram. Text that is none adds nothing.
    mutating func add(summary text: String, weight: Double, maximum greatest: Int64?) {
        for part in text.utf8.split(separator: UInt8(ascii: " ")) {
            let pair = part.split(separator: UInt8(ascii: ":"))
            guard pair.count == 2, let number = Int(Substring(pair[0])), let count = Double(String(Substring(pair[1]))),
                number >= 0, number < 244, count > 0, count <= 1e15
            else { continue }
            // In the middle of the class, but for what is known of the greatest.
            let low = Self.lowerBound(ofSummaryClass: number)
            let middle = low + (Self.lowerBound(ofSummaryClass: number + 1) - low) / 2
            add(min(middle, max(low, greatest ?? .max)), weight: count * weight, samples: count)
        }
        if let greatest, total > 0 { maximum = max(greatest, maximum ?? .min) }
    }

    /// The duration that this fraction did not exceed, rounded up to its class; nil for none.
    func percentile(_ fraction: Double) -> Double? {
        guard total > 0, let maximum else { return nil }
        let wanted = total * fraction - total * 1e-12
        var seen = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= wanted { return Double(min(Self.upperBound(of: index), max(0, maximum))) }
        }
        return Double(max(0, maximum))
    }

    private static func index(of nanoseconds: Int64) -> Int {
        guard nanoseconds >= 1 << bits else { return Int(max(0, nanoseconds)) }
        let power = 63 - nanoseconds.leadingZeroBitCount
        let index = (power - bits + 1) << bits + Int(nanoseconds >> Int64(power - bits)) & (1 << bits - 1)
        return min(index, classes - 1)
    }

    private static func upperBound(of index: Int) -> Int64 {
        guard index >= 1 << bits else { return Int64(index) }
        if index == classes - 1 { return .max }
        let width: Int64 = 1 << Int64(index >> bits - 1)
        return Int64(1 << bits + index & (1 << bits - 1)) * width + (width - 1)
    }

    private static func lowerBound(ofSummaryClass number: Int) -> Int64 {
        number < 4 ? Int64(number) : Int64(4 + number % 4) << Int64(number / 4 - 1)
    }
}
