/// Counters of a ``LookupCache`` since it was made. They are never reset: take differences.
///
/// Each question is counted once: as hit, miss, expired or contended.
public struct LookupCacheStatistics: Sendable, Equatable {
    /// Questions that were answered.
    public var hits: UInt64
    /// Questions for keys that were not there.
    public var misses: UInt64
    /// Questions for keys whose time was over.
    public var expired: UInt64
    /// Questions that gave up because the writer was at work on the set all the time; as good as misses.
    public var contended: UInt64
    /// Entries written, new ones and changed ones.
    public var insertions: UInt64
    /// Entries taken out by the writer.
    public var removals: UInt64
    /// Entries that made room for another before their time was over.
    public var evictions: UInt64
    /// Entries that there can be.
    public var capacity: Int
}
