public import TapioEvents

/// What a reader did; counts are never reset.
public struct ReaderStatistics: Sendable, Hashable {
    /// One lane of a reader.
    public struct LaneCounts: Sendable, Hashable {
        /// Records taken out of the rings, malformed ones included.
        public var records: UInt64 = 0
        /// Bytes of ring that they took.
        public var bytes: UInt64 = 0
        /// Batches sealed.
        public var batches: UInt64 = 0
        /// Passes that could take nothing because the queue was full.
        public var blockedPasses: UInt64 = 0

        /// All zero.
        public init() {}
    }

    /// One ring, as the reader sees it.
    public struct RingCounts: Sendable, Hashable {
        /// The CPU that writes it.
        public var cpu: Int
        /// Its lane.
        public var lane: Lane
        /// Records received.
        public var received: UInt64
        /// The greatest sequence number seen, plus one. When all is quiet and drained it equals ``received``; else
        /// records got lost on the way without anyone counting them.
        public var nextSequence: UInt64
        /// Bytes that wait in it.
        public var pendingBytes: Int
        /// Bytes that it can hold.
        public var capacity: Int
    }

    /// By lane, indexed by its number.
    public var lanes: [LaneCounts]
    /// By ring.
    public var rings: [RingCounts]
    /// Looks at all rings.
    public var passes: UInt64
    /// How often it slept.
    public var sleeps: UInt64
    /// Bulk batches that it shed under pressure.
    public var shedBatches: UInt64
    /// CPU time of its thread so far, nanoseconds.
    public var cpuNs: UInt64
    /// What its windows did, as of its last pass.
    public var aggregation: AggregationStatistics
}

/// How often records of a kind were refused for one reason.
public struct MalformedCount: Sendable, Hashable {
    /// The kind that the record claims.
    public var kind: EventKind
    /// What was wrong.
    public var fault: RecordFault
    /// How often.
    public var count: UInt64
}
