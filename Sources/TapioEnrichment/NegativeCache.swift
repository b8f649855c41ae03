public import Synchronization
public import TapioRings

/// Remembers for a while of which keys nothing is known, so that nobody is asked for them again, for threads that ask often.
///
/// In front lies a ``BloomFilter``: of a key that was never inserted it says so at the cost of a cache line, and only where it
/// doesn't are the keys themselves looked at. The filter forgets nothing; it is made anew, from the keys that still count, when
/// as many keys were inserted as it is for, or their time to live has passed since it was made.
///
/// Reading takes no lock, allocates nothing and never waits. While the filter is made anew, a key that is there may be missed for
/// a moment: it is a cache.
///
/// - Important: At any moment at most one thread may call the writer's calls (`insert`, `remove`). Each reading thread has an
///   index of its own, by which its counters are kept.
@safe
public final class NegativeCache: Sendable {
    @usableFromInline let keys: LookupCache
    @usableFromInline let first: BloomFilter
    @usableFromInline let second: BloomFilter
    /// Whether the second filter is the one to ask. Stored with release when the filter is complete; readers acquire, and see
    /// all its bits.
    @usableFromInline let isSecond = Atomic<Bool>(false)
    @usableFromInline let filtered: CounterBlock
    private let lifeNs: UInt64
    // The writer's own, relaxed.
    private let added = Atomic<Int>(0)
    private let madeNs = Atomic<UInt64>(0)
    private let rebuilds = Atomic<UInt64>(0)

    /// Filters have room for so many times the keys that can be there: the others have been removed or are over.
    private static let turnover = 2

    /// Nothing is known to be unknown.
    ///
    /// - Parameters:
    ///   - capacity: The most keys, 7 to 2^24.
    ///   - timeToLive: How long a key counts.
    ///   - readers: Threads that ask, 1 to 8192.
    public init(capacity: Int = 10_000, timeToLive: Duration, readers: Int) {
        keys = LookupCache(capacity: capacity, timeToLive: timeToLive, readers: readers)
        first = BloomFilter(capacity: capacity * Self.turnover)
        second = BloomFilter(capacity: capacity * Self.turnover)
        lifeNs = UInt64(clamping: Int64(min(timeToLive / .seconds(1), 126_000_000) * 1e9))
        filtered = CounterBlock(count: readers * LookupCache.countersPerReader, layout: .packed)
    }

    /// Whether it is known that nothing is known of the key. Never waits.
    @inlinable
    @inline(__always)
    public func contains(_ key: UInt64, reader: Int, nowNs: UInt64) -> Bool {
        let filter = isSecond.load(ordering: .acquiring) ? second : first
        guard filter.mayContain(key) else {
            filtered.addAsOnlyWriter(reader * LookupCache.countersPerReader)
            return false
        }
        return keys.lookUp(key, reader: reader, nowNs: nowNs) != nil
    }

    /// Remembers a key until its time is over. Writer only.
    public func insert(_ key: UInt64, nowNs: UInt64) {
        keys.insert(key, id: 0, nowNs: nowNs)
        let count = added.load(ordering: .relaxed)
        if count == 0 { madeNs.store(nowNs, ordering: .relaxed) }
        let isOld = count > 0 && nowNs > madeNs.load(ordering: .relaxed) &+ lifeNs
        if count >= first.capacity || isOld { return rebuild(nowNs) }
        (isSecond.load(ordering: .relaxed) ? second : first).add(key)
        added.store(count + 1, ordering: .relaxed)
    }

    /// Forgets a key; says whether it was remembered. Writer only.
    @discardableResult
    public func remove(_ key: UInt64) -> Bool { keys.remove(key) }

    /// Fills the other filter with the keys that count, and lets readers ask that one.
    private func rebuild(_ nowNs: UInt64) {
        let wasSecond = isSecond.load(ordering: .relaxed)
        let filter = wasSecond ? first : second
        filter.clear()
        var count = 0
        keys.forEachKey(nowNs: nowNs) { key in
            filter.add(key)
            count += 1
        }
        isSecond.store(!wasSecond, ordering: .releasing)
        added.store(count, ordering: .relaxed)
        madeNs.store(nowNs, ordering: .relaxed)
        rebuilds.add(1, ordering: .relaxed)
    }

    /// The counters; any thread may ask.
    public var statistics: NegativeCacheStatistics {
        let keys = keys.statistics
        let readers = stride(from: 0, to: filtered.count, by: LookupCache.countersPerReader)
        return NegativeCacheStatistics(
            hits: keys.hits,
            filtered: readers.reduce(0) { $0 &+ filtered.load($1) },
            falsePositives: keys.misses &+ keys.contended,
            expired: keys.expired,
            insertions: keys.insertions,
            removals: keys.removals,
            evictions: keys.evictions,
            rebuilds: rebuilds.load(ordering: .relaxed),
            capacity: keys.capacity
        )
    }
}

/// Counters of a ``NegativeCache`` since it was made. They are never reset: take differences.
///
/// Each question is counted once: as hit, filtered, false positive or expired.
public struct NegativeCacheStatistics: Sendable, Equatable {
    /// Questions for keys of which nothing is known.
    public var hits: UInt64
    /// Questions that the filter alone answered: not there.
    public var filtered: UInt64
    /// Questions that the filter let through for keys that were not there.
    public var falsePositives: UInt64
    /// Questions for keys whose time was over.
    public var expired: UInt64
    /// Keys inserted, again too.
    public var insertions: UInt64
    /// Keys taken out because something is known of them now.
    public var removals: UInt64
    /// Keys that made room for another before their time was over.
    public var evictions: UInt64
    /// How often the filter was made anew.
    public var rebuilds: UInt64
    /// Keys that there can be.
    public var capacity: Int
}
