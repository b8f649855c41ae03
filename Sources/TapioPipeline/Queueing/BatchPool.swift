import TapioRings
import TapioEvents

/// Empty batches of one size, kept for the next use.
///
/// Last in, first out, so that the memory in use is the memory that was touched last. Bounds: at most `most` batches exist at
/// a time; of those that are idle at most `spare` keep their memory.
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
    private let most: Int
    private let spare: Int
    // Held for some ten ns, once for each batch.
    private let state = Guarded(State())

    /// A pool that makes up to `most` batches, the first when it is asked for.
    init(limits: RowBatch.Limits, most: Int, spare: Int) {
        self.limits = limits
        self.most = most
        self.spare = spare
    }

    /// An empty batch, or nil while as many as may exist are in use.
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
        return mayMake ? RowBatch(limits: limits) : batch
    }

    /// Takes back a batch that came from ``take()``.
    func giveBack(_ batch: RowBatch) {
        batch.reset()
        state.withLock { state in
            if state.idle.count < spare {
                state.idle.append(batch)
            } else {
                state.existing -= 1
            }
        }
    }

    /// The counts at this time.
    var statistics: BatchPoolStatistics {
        state.withLock {
            BatchPoolStatistics(
                existing: $0.existing,
                idle: $0.idle.count,
                most: most,
                reused: $0.reused,
                made: $0.made,
                refused: $0.refused
            )
        }
    }
}

/// What a pool of batches did; counts are never reset.
public struct BatchPoolStatistics: Sendable, Hashable {
    /// Batches that have memory now.
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
}
