/// A range of time cut into equal buckets that begin at round times. Microseconds since 1970, UTC.
struct TimeGrid: Sendable, Hashable {
    /// Begin of the first bucket.
    let startUs: Int64
    /// Length of a bucket.
    let bucketUs: Int64
    /// How many; 1 to ``most``.
    let count: Int
    /// The time that it was made for: of the first and of the last bucket a part may lie outside.
    let wanted: Range<Int64>

    /// Buckets at most: about what a screen has room for.
    static let most = 600
    /// Times further from 1970 than nanoseconds in 64 bits can tell are no times.
    private static let bounds: ClosedRange<Int64> = -9_223_372_036_854_775...9_223_372_036_854_775

    private static let steps: [Int64] = {
        let ms: Int64 = 1000
        let second = 1000 * ms
        let small: [Int64] = [1, 2, 5, 10, 20, 50, 100, 200, 500].map { $0 * ms }
        let seconds: [Int64] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]
        let days: [Int64] = [1, 2, 7, 14, 28, 91, 182, 364].map { $0 * 86400 }
        return small + (seconds + days).map { $0 * second }
    }()

    /// The finest grid of at most ``most`` buckets that holds both times.
    init(from: Int64, through: Int64) {
        let low = min(max(from, Self.bounds.lowerBound), Self.bounds.upperBound)
        let high = min(max(through, low), Self.bounds.upperBound)
        var step = Self.steps[0]
        var steps = Self.steps.dropFirst().makeIterator()
        while Self.buckets(low, high, step) > Self.most { step = steps.next() ?? step * 2 }
        bucketUs = step
        startUs = Self.floor(low, step) * step
        count = Self.buckets(low, high, step)
        wanted = low..<high + 1
    }

    /// The bucket of a time; nil outside.
    @inline(__always)
    func index(_ us: Int64) -> Int? {
        guard us >= startUs else { return nil }
        let (offset, overflow) = us.subtractingReportingOverflow(startUs)
        if overflow { return nil }
        let index = Int(offset / bucketUs)
        return index < count ? index : nil
    }

    /// End of the last bucket.
    var endUs: Int64 { startUs + bucketUs * Int64(count) }

    /// Adds `amount` to the buckets of a range, to each by how much of it lies there. What lies outside is left out.
    func spread(_ amount: Double, from: Int64, to: Int64, over values: inout [Double]) {
        guard let buckets = buckets(from: from, to: to) else { return }
        let (low, high) = Self.bounded(from, to)
        if high == low {
            values[buckets.lowerBound] += amount
            return
        }
        for bucket in buckets {
            let begin = startUs + bucketUs * Int64(bucket)
            let overlap = min(high, begin + bucketUs) - max(low, begin)
            values[bucket] += amount * Double(overlap) / Double(high - low)
        }
    }

    /// The buckets that a range lies in; nil where it lies outside. A range that ends where it begins is a point.
    func buckets(from: Int64, to: Int64) -> ClosedRange<Int>? {
        let (low, high) = Self.bounded(from, to)
        if high == low { return index(low).map { $0...$0 } }
        guard high > startUs, low < endUs else { return nil }
        let first = index(max(low, startUs)) ?? 0
        let last = index(min(high, endUs) - 1) ?? count - 1
        return first...max(first, last)
    }

    private static func bounded(_ from: Int64, _ to: Int64) -> (low: Int64, high: Int64) {
        let low = min(max(from, bounds.lowerBound), bounds.upperBound)
        return (low, min(max(to, low), bounds.upperBound))
    }

    private static func buckets(_ low: Int64, _ high: Int64, _ step: Int64) -> Int {
        Int(floor(high, step) - floor(low, step) + 1)
    }

    private static func floor(_ value: Int64, _ step: Int64) -> Int64 {
        value / step - (value % step < 0 ? 1 : 0)
    }
}
