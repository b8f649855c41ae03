/// Counters of a ``BufferPool``, by tier. Those that only grow are never reset: take differences.
public struct BufferPoolStatistics: Sendable, Hashable {
    /// Of the 4 KiB buffers.
    public var small: Tier
    /// Of the 64 KiB buffers.
    public var medium: Tier
    /// Of the 1 MiB buffers.
    public var large: Tier

    /// Of one size. Read while threads take and give, the values are each exact but not of one instant.
    public struct Tier: Sendable, Hashable {
        /// Buffers that there can be.
        public var limit: Int
        /// Buffers lent whose memory was there.
        public var hits: UInt64
        /// Buffers lent whose memory had to come from the kernel.
        public var misses: UInt64
        /// Takes that found all buffers lent.
        public var refused: UInt64
        /// Returns of a buffer that was not lent at the time. They changed nothing.
        public var doubleReturns: UInt64
        /// Returns of another pool's buffer. They changed nothing.
        public var foreignReturns: UInt64
        /// Buffers lent now.
        public var inUse: Int
        /// The most buffers that were lent at once.
        public var highWater: Int
        /// Bytes of memory that lent and idle buffers take: those that were touched and not trimmed since.
        public var residentBytes: Int

        /// Adds the counters of another pool's.
        public mutating func add(_ other: Tier) {
            limit += other.limit
            hits &+= other.hits
            misses &+= other.misses
            refused &+= other.refused
            doubleReturns &+= other.doubleReturns
            foreignReturns &+= other.foreignReturns
            inUse += other.inUse
            highWater += other.highWater
            residentBytes += other.residentBytes
        }
    }

    /// Of a size.
    public subscript(tier: PoolTier) -> Tier {
        get {
            switch tier {
            case .small: small
            case .medium: medium
            case .large: large
            }
        }
        set {
            switch tier {
            case .small: small = newValue
            case .medium: medium = newValue
            case .large: large = newValue
            }
        }
    }

    /// Bytes of buffers that are lent now.
    public var bytesInUse: Int { PoolTier.allCases.reduce(0) { $0 + $1.byteCount * self[$1].inUse } }

    /// Bytes of memory that all buffers take.
    public var residentBytes: Int { small.residentBytes + medium.residentBytes + large.residentBytes }
}
