import Synchronization

/// Memory in three sizes that threads borrow and give back, without locks and within bounds.
///
/// Every size has its own limit; beyond it a take is refused, counted, and the caller has to do without. A buffer's
/// memory comes from the kernel when it is first lent, on the NUMA node of the thread that takes it or on the pool's;
/// from then on it stays, and the buffer that was given back last is lent first, as its memory is likeliest in a cache.
/// A take or a return costs some atomic exchanges (about 20 ns), and 0.1 to 0.3 µs for each new page.
///
/// A buffer that is given back twice, or to another pool, or never, traps in debug builds. In others the first two change
/// nothing but a counter, and the memory of the third stays.
public final class BufferPool: Sendable {
    /// The most buffers of a size.
    public static let greatestLimit = IndexStack.most

    /// A number of buffers for each size.
    public struct Limits: Sendable, Equatable {
        /// Of 4 KiB, 0…1,048,575.
        public var small: Int
        /// Of 64 KiB, 0…1,048,575.
        public var medium: Int
        /// Of 1 MiB, 0…1,048,575.
        public var large: Int

        /// So many of each size; none where nothing is said.
        public init(small: Int = 0, medium: Int = 0, large: Int = 0) {
            self.small = small
            self.medium = medium
            self.large = large
        }

        /// Of a size.
        public subscript(tier: PoolTier) -> Int {
            switch tier {
            case .small: small
            case .medium: medium
            case .large: large
            }
        }

        /// Bytes of all of them together.
        public var byteCount: Int {
            PoolTier.allCases.reduce(0) { $0 + self[$1] * $1.byteCount }
        }
    }

    /// The most buffers that there can be.
    public let limits: Limits
    /// The NUMA node that the memory comes from while that has some; nil: the one of the thread that first takes it.
    public let node: Int?

    private let small: TierPool
    private let medium: TierPool
    private let large: TierPool
    private let identity: UInt32

    /// Makes a pool that has no memory yet: only addresses are reserved.
    ///
    /// - Parameters:
    ///   - limits: How many buffers there can be.
    ///   - node: Prefer this NUMA node's memory. Where the process may not choose, as in many containers, the pool goes by
    ///     first touch: see ``isOnNode``.
    public init(limits: Limits, node: Int? = nil) throws(BufferPoolError) {
        self.limits = limits
        self.node = node
        small = try TierPool(.small, limit: limits.small, node: node)
        medium = try TierPool(.medium, limit: limits.medium, node: node)
        large = try TierPool(.large, limit: limits.large, node: node)
        // Relaxed: only has to differ.
        identity = lastIdentity.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// Whether the kernel agreed to take the memory from ``node``.
    public var isOnNode: Bool { PoolTier.allCases.allSatisfy { limits[$0] == 0 || pool($0).isOnNode } }

    /// Borrows a buffer; nil where all are lent (or one is just being trimmed). Any thread.
    public func take(_ tier: PoolTier) -> PoolBuffer? {
        guard let (slot, memory, generation) = unsafe pool(tier).take() else { return nil }
        return unsafe PoolBuffer(base: memory, tier: tier, pool: identity, slot: slot, generation: generation)
    }

    /// Gives a buffer back; what it holds is lost. Any thread, not only the one that took it. Once for each take.
    public func giveBack(_ buffer: PoolBuffer) {
        let pool = pool(buffer.tier)
        guard buffer.pool == identity else { return pool.refuseForeign() }
        pool.giveBack(slot: buffer.slot, generation: buffer.generation)
    }

    /// Gives memory of idle buffers back to the kernel, so that so many of each size keep theirs. For quiet times: costs a
    /// system call for each buffer. Any thread; while one trims, others return at once.
    public func trim(keepingIdle kept: Limits = Limits()) {
        for tier in PoolTier.allCases { pool(tier).trim(keepingIdle: kept[tier]) }
    }

    /// Buffers of a size that can still be lent; approximate while others take and give. O(1).
    public func free(_ tier: PoolTier) -> Int { pool(tier).free }

    /// The counters; any thread may ask. O(limits).
    public var statistics: BufferPoolStatistics {
        BufferPoolStatistics(small: small.statistics, medium: medium.statistics, large: large.statistics)
    }

    private func pool(_ tier: PoolTier) -> TierPool {
        switch tier {
        case .small: small
        case .medium: medium
        case .large: large
        }
    }
}

/// Tells pools apart, even where one has the addresses that another had.
private let lastIdentity = Atomic<UInt32>(0)
