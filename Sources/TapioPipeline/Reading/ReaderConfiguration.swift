/// How a reader works. What can change while it runs is in ``ReaderTuning``.
public struct ReaderConfiguration: Sendable, Hashable {
    /// The thread's name, 1 to 15 bytes.
    public var name = "tapio-reader"
    /// The CPUs that it may run on; nil: any.
    public var cpus: [Int]?
    /// The NUMA node of its rings, on which its batches' memory is to be; nil: wherever.
    public var node: Int?
    /// What to do when the queue of sealed batches is full.
    public var backpressure = Backpressure.shedOldestBulk(afterNs: 1_000_000_000)
    /// What can be changed later.
    public var tuning = ReaderTuning()

    /// The defaults.
    public init() {}
}

/// Times that a running reader takes over at its next pass.
public struct ReaderTuning: Sendable, Hashable {
    /// Nanoseconds between two drains under load.
    public var drainIntervalNs: UInt64 = 1_000_000
    /// Nanoseconds between two drains while nothing happens. An urgent event doesn't wait for it.
    public var idleIntervalNs: UInt64 = 100_000_000
    /// Nanoseconds from a batch's first row until it is handed over, full or not.
    public var maxBatchAgeNs: UInt64 = 5_000_000_000
    /// Bounds of the windows in which events are merged.
    public var aggregation = AggregationTuning()

    /// The defaults.
    public init() {}
}
