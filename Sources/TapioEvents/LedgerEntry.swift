/// What became of the events of one kind since the agent started. Counts are never reset: take differences.
///
/// The identity that has to hold:
/// `attempted = filtered + sampledOut + ringFull + malformed + aggregated + shed + failed + archived + inFlight`.
public struct LedgerEntry: Sendable, Hashable, Codable {
    // Counted by the kernel programs.
    /// Events that a probe decided about.
    public var attempted: UInt64 = 0
    /// Turned away by a program's filter.
    public var filtered: UInt64 = 0
    /// Not kept by the keep probability.
    public var sampledOut: UInt64 = 0
    /// The part of them at a probability of 0, which no kept event's weight stands for. Not a term of the identity.
    public var countedOnly: UInt64 = 0
    /// Lost, because the ring had no room.
    public var ringFull: UInt64 = 0
    /// Handed over through a ring.
    public var submitted: UInt64 = 0
    // Counted by the agent.
    /// Taken out of a ring by a reader.
    public var received: UInt64 = 0
    /// Refused by the reader's checks.
    public var malformed: UInt64 = 0
    /// Merged into a summary row.
    public var aggregated: UInt64 = 0
    /// Dropped by the reader under pressure.
    public var shed: UInt64 = 0
    /// Lost because they could not be encoded or written.
    public var failed: UInt64 = 0
    /// Rows of the archive.
    public var archived: UInt64 = 0

    /// All zero.
    public init() {}

    /// Whether nothing was ever counted.
    public var isEmpty: Bool { self == LedgerEntry() }

    /// What the kernel programs decided, without what they are deciding just now.
    public var decidedInKernel: UInt64 { filtered &+ sampledOut &+ ringFull &+ submitted }

    /// Records in the rings. Negative only if the ledger is broken.
    public var inRings: Int64 { Int64(bitPattern: submitted &- received) }

    /// What left the agent, in whatever way.
    public var settled: UInt64 { malformed &+ aggregated &+ shed &+ failed &+ archived }

    /// Rows in batches, on their way to the archive. Negative only if the ledger is broken.
    public var inBatches: Int64 { Int64(bitPattern: received &- settled) }

    /// Attempted and not yet accounted for: in programs, rings and batches.
    public var inFlight: Int64 {
        Int64(bitPattern: attempted &- (filtered &+ sampledOut &+ ringFull &+ settled))
    }

    /// Events lost, for whatever reason: neither filtered nor sampled, but not archived either.
    public var lost: UInt64 { ringFull &+ malformed &+ shed &+ failed }

    /// What was counted since `earlier`.
    public func since(_ earlier: LedgerEntry) -> LedgerEntry {
        var delta = LedgerEntry()
        for path in LedgerEntry.counts { delta[keyPath: path] = self[keyPath: path] &- earlier[keyPath: path] }
        return delta
    }

    /// Adds the counts of `other`.
    public mutating func add(_ other: LedgerEntry) {
        for path in LedgerEntry.counts { self[keyPath: path] &+= other[keyPath: path] }
    }

    private static var counts: [WritableKeyPath<LedgerEntry, UInt64>] {
        [
            \.attempted, \.filtered, \.sampledOut, \.countedOnly, \.ringFull, \.submitted, \.received, \.malformed,
            \.aggregated,
            \.shed, \.failed, \.archived,
        ]
    }
}
