import TapioRings

/// What the aggregation of a reader did; counts are never reset.
public struct AggregationStatistics: Sendable, Hashable {
    /// Groups of the open windows.
    public var groups: UInt64 = 0
    /// The most that there ever were.
    public var mostGroups: UInt64 = 0
    /// Summaries told.
    public var summaries: UInt64 = 0
    /// Groups that had to make way for others before their window ended.
    public var evictions: UInt64 = 0
    /// Events that were not merged because a summary that had to be told before found no room; they are rows of their own.
    public var refused: UInt64 = 0

    /// All zero.
    public init() {}

    /// Adds another lane's or reader's.
    mutating func add(_ other: AggregationStatistics) {
        groups += other.groups
        mostGroups += other.mostGroups
        summaries += other.summaries
        evictions += other.evictions
        refused += other.refused
    }

    // MARK: - Counters that one thread writes and others read

    /// How many counters ``store(in:)`` needs.
    static let counters = 5

    init(_ counters: CounterBlock) {
        groups = counters.load(0)
        mostGroups = counters.load(1)
        summaries = counters.load(2)
        evictions = counters.load(3)
        refused = counters.load(4)
    }

    /// Makes these the counters' values. Only the thread that writes them may call it.
    func store(in counters: CounterBlock) {
        counters.addAsOnlyWriter(0, groups &- counters.load(0))
        counters.addAsOnlyWriter(1, mostGroups &- counters.load(1))
        counters.addAsOnlyWriter(2, summaries &- counters.load(2))
        counters.addAsOnlyWriter(3, evictions &- counters.load(3))
        counters.addAsOnlyWriter(4, refused &- counters.load(4))
    }
}
