import TapioEvents
public import TapioRings

/// Empty batches, and the memory that they fill.
///
/// The memory is what is bounded: all batches of a pool together hold no more than its buffers, and what is given back is
/// used again by whoever fills next. Batches themselves are small and kept for ever, at most `most` of them.
final class BatchPool: Sendable {
    private struct State {
        var idle: [RowBatch] = []
        var existing = 0
        var reused: UInt64 = 0
        var made: UInt64 = 0
        var refused: UInt64 = 0
    }

    /// The size of each batch.
    let limits: RowBatch.Limits
    /// The memory of all.
    let memory: BufferPool
    /// The tier of the buffers that hold records.
    let recordTier: PoolTier
    private let most: Int
    // Held for some ten ns, once for each batch.
    private let state = Guarded(State())

    /// A pool of up to `most` batches that share `memory`, by default enough for all to be full.
    init(limits: RowBatch.Limits, most: Int, memory: BufferPool? = nil) {
        self.limits = limits
        self.most = most
        self.memory = memory ?? RowBatch.pool(for: limits, batches: most)
        recordTier = limits.recordTier
    }

    /// An empty batch, which holds no memory yet, or nil while as many as may exist are in use.
    func take() -> RowBatch? {
        let (batch, mayMake): (RowBatch?, Bool) = state.withLock { state in
            if let batch = state.idle.popLast() {
                state.reused += 1
                return (batch, false)
            }
            guard state.existing < most else {
                state.refused += 1
                return (nil, false)
            }
            state.existing += 1
            state.made += 1
            return (nil, true)
        }
        return mayMake ? RowBatch(limits: limits, pool: memory) : batch
    }

    /// Takes back a batch that came from ``take()``.
    func giveBack(_ batch: RowBatch) {
        batch.reset()
        state.withLock { $0.idle.append(batch) }
    }

    /// The counts at this time.
    var statistics: BatchPoolStatistics {
        let buffers = memory.statistics
        return state.withLock {
            BatchPoolStatistics(
                existing: $0.existing,
                idle: $0.idle.count,
                most: most,
                reused: $0.reused,
                made: $0.made,
                refused: $0.refused,
                buffers: buffers
            )
        }
    }
}

/// What a pool of batches did; counts are never reset.
public struct BatchPoolStatistics: Sendable, Hashable {
    /// Batches that were made; they are never unmade.
    public var existing: Int
    /// Those of them that nobody uses.
    public var idle: Int
    /// The most that may exist.
    public var most: Int
    /// Requests that an idle batch served.
    public var reused: UInt64
    /// Requests for which a batch was allocated.
    public var made: UInt64
    /// Requests that found the bound reached.
    public var refused: UInt64
    /// The memory that they fill.
    public var buffers: BufferPoolStatistics

    /// Adds what another pool did.
    mutating func add(_ other: BatchPoolStatistics) {
        existing += other.existing
        idle += other.idle
        most += other.most
        reused &+= other.reused
        made &+= other.made
        refused &+= other.refused
        for tier in PoolTier.allCases { buffers[tier].add(other.buffers[tier]) }
    }
}
