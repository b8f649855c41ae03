/// A row group that has just become durable: what a power cut can no longer take.
public struct DurableGroup: Sendable, Hashable {
    /// ``ArchiveBatch/lane``.
    public let lane: UInt8
    /// Time of its earliest row, UTC nanoseconds since 1970.
    public let minTimestampNs: Int64
    /// Time of its latest row.
    public let maxTimestampNs: Int64
}

/// The row groups of a segment that wait for a sync, oldest first.
///
/// Ordinals tell syncs that overlap which groups are already told.
struct DurabilityBacklog: Sendable {
    private var groups: [DurableGroup] = []
    private var firstOrdinal: UInt64 = 0

    /// More are not told of when they become durable: many times what an interval of a second brings.
    static let most = 1024

    /// The ordinal of the next group.
    var end: UInt64 { firstOrdinal + UInt64(groups.count) }

    /// Notes a group that was written; false where there are too many.
    mutating func append(_ group: DurableGroup) -> Bool {
        guard groups.count < Self.most else { return false }
        groups.append(group)
        return true
    }

    /// Takes out those whose ordinal is below `end`.
    mutating func take(before end: UInt64) -> [DurableGroup] {
        guard end > firstOrdinal else { return [] }
        let count = min(groups.count, Int(end - firstOrdinal))
        let taken = Array(groups.prefix(count))
        groups.removeFirst(count)
        firstOrdinal += UInt64(count)
        return taken
    }
}
