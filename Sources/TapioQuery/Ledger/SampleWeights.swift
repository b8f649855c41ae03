/// What the rows of one kind say of how many events they stand for, added up.
struct SampleWeights: Sendable {
    /// Sum of the weights: the estimate of how many events there were.
    private(set) var sum: Double = 0
    /// Events in the rows, merged ones each by itself.
    private(set) var events: Int64 = 0
    /// Those of them that were sampled: whose weight is not 1.
    private(set) var sampledEvents: Int64 = 0
    /// The greatest weight of an event.
    private(set) var greatest: Double = 1
    /// Variance of ``sum`` where each event was sampled by itself: of n events of weight w it is n w (w - 1), which does not
    /// depend on how many there were (Horvitz and Thompson).
    private var independentVariance: Double = 0
    /// Sum of w - 1: estimates how many events were sampled out.
    private var excess: Double = 0
    /// By process, the sum of the weights of its sampled events; summaries have one each, under a number below 0.
    private var clusters: [Int64: Double] = [:]

    /// Adds a row.
    ///
    /// - Parameters:
    ///   - weight: The row's.
    ///   - count: How many events were merged into it; nil for the row of one event.
    ///   - pid: The process that its events are of; nil where that is not known.
    mutating func add(weight: Double, count: Int64?, pid: Int64?) {
        let merged = max(1, count ?? 1)
        let single = weight / Double(merged)
        sum += weight
        events += merged
        // A sum of weights is a product that may be rounded.
        guard abs(single - 1) > 1e-9 else { return }
        sampledEvents += merged
        // No probability gives a weight below 1, so chance explains nothing of it.
        guard single > 1 else { return }
        greatest = max(greatest, single)
        independentVariance += Double(merged) * single * (single - 1)
        excess += Double(merged) * (single - 1)
        let isOfOne = count == nil && pid != nil
        clusters[isOfOne ? pid! : -1 - Int64(clusters.count), default: 0] += weight
    }

    /// Adds rows that stand for one event each.
    mutating func add(unsampled rows: Int64) {
        sum += Double(rows)
        events += rows
    }

    /// Adds what other rows say.
    mutating func add(_ other: SampleWeights) {
        sum += other.sum
        events += other.events
        sampledEvents += other.sampledEvents
        greatest = max(greatest, other.greatest)
        independentVariance += other.independentVariance
        excess += other.excess
        for (pid, weight) in other.clusters {
            clusters[pid >= 0 ? pid : -1 - Int64(clusters.count), default: 0] += weight
        }
    }

    /// Standard error of ``sum`` where each event was sampled by itself.
    ///
    /// What was kept by chance also says how wide chance is; few kept ones say too little. So it is the greater of two: as the
    /// rows have it, and scaled to as many as were really sampled out.
    func independentError(sampledOut: Int64) -> Double {
        guard excess > 0 else { return 0 }
        return max(independentVariance, independentVariance * Double(sampledOut) / excess).squareRoot()
    }

    /// Standard error of ``sum`` where processes were kept or left out as a whole: never too small.
    var clusterError: Double {
        clusters.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
}
