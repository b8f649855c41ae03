import TapioRings

/// Counts durations in classes whose bounds are a sixteenth of a power of two apart: at most 6.25 % off, 1 ns to 292 years.
///
/// Any number of threads add, at about 5 ns; nothing is ever reset.
public final class LatencyHistogram: Sendable {
    /// Classes of a power of two, as bits.
    private static let bits = 4
    private static let classes = 64 << bits
    private let counters = CounterBlock(count: classes, layout: .packed)

    /// An empty histogram.
    public init() {}

    /// Counts a duration; negative ones count as 0 (clocks of two CPUs may differ by a few ns).
    public func add(nanoseconds: Int64) {
        counters.add(Self.index(of: UInt64(max(0, nanoseconds))))
    }

    /// What was counted so far.
    public var snapshot: Snapshot { Snapshot(counts: counters.values) }

    /// The class of a value: its power of two, and the bits below the highest.
    static func index(of value: UInt64) -> Int {
        guard value >= 1 << bits else { return Int(value) }
        let power = 63 - value.leadingZeroBitCount
        return power << bits + Int(value >> UInt64(power - bits)) & (1 << bits - 1)
    }

    /// The greatest value of a class.
    static func upperBound(of index: Int) -> UInt64 {
        // Below, a class is a value.
        guard index >= bits << bits else { return UInt64(min(index, 1 << bits - 1)) }
        let width: UInt64 = 1 << UInt64(index >> bits - bits)
        return UInt64(1 << bits + index & (1 << bits - 1)) * width + (width - 1)
    }

    /// The counts at one time.
    public struct Snapshot: Sendable, Hashable {
        let counts: [UInt64]

        init(counts: [UInt64]) {
            self.counts = counts
        }

        /// How many durations were counted.
        public var count: UInt64 { counts.reduce(0, &+) }

        /// What was counted since `earlier`.
        public func since(_ earlier: Snapshot) -> Snapshot {
            Snapshot(counts: zip(counts, earlier.counts).map { $0 &- $1 })
        }

        /// The duration that a fraction (0…1) of all did not exceed, nanoseconds, rounded up to its class; nil for none.
        public func percentile(_ fraction: Double) -> UInt64? {
            let total = count
            guard total > 0 else { return nil }
            let rank = max(1, UInt64((Double(total) * min(max(fraction, 0), 1)).rounded(.up)))
            var seen: UInt64 = 0
            for index in counts.indices {
                seen += counts[index]
                if seen >= rank { return LatencyHistogram.upperBound(of: index) }
            }
            return nil
        }
    }
}
