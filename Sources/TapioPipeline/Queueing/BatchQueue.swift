import Synchronization
import TapioEvents
import TapioRings

/// Sealed batches on their way from the readers to the encoders: for each reader a deque of urgent and one of bulk batches.
///
/// A reader alone puts batches into its deques; every encoder steals the oldest, urgent before bulk, from the deques of one
/// reader first (its home) and then from the others', so that a batch is encoded by whoever is free. An idle encoder sleeps.
///
/// Pushing never blocks. The batches' memory is bounded by its pool; their number is bounded here. Of the places one is kept
/// for urgent batches, so that bulk can't take all.
final class BatchQueue: Sendable {
    private struct Shelf: Sendable {
        let urgent: WorkStealingDeque<RowBatch>
        let bulk: WorkStealingDeque<RowBatch>
    }

    /// The most batches together.
    let most: Int
    private let shelves: [Shelf]
    private let doorbell = Doorbell()
    /// Batches in the deques or on their way into them.
    private let reserved = Atomic<Int>(0)
    private let heldBytes = Atomic<Int>(0)
    private let highWaterMark = Atomic<Int>(0)

    /// An empty queue for so many readers.
    init(most: Int, readers: Int = 1) {
        precondition(most >= 1 && readers >= 1)
        self.most = most
        shelves = (0..<readers).map { _ in
            Shelf(urgent: WorkStealingDeque(capacity: most), bulk: WorkStealingDeque(capacity: most))
        }
    }

    /// Offers a sealed batch of a reader; refused while there is no place for its lane. On the thread of that reader.
    func push(_ batch: consuming RowBatch, reader: Int) -> PushResult<RowBatch> {
        let isBulk = batch.lane == .bulk
        guard reserve(upTo: isBulk && most > 1 ? most - 1 : most) else { return .full(batch) }
        // Counted first: a consumer may take it before this thread goes on.
        let bytes = batch.heldBytes
        heldBytes.add(bytes, ordering: .relaxed)
        let result = (isBulk ? shelves[reader].bulk : shelves[reader].urgent).push(batch)
        if result.isPushed {
            doorbell.ring()
        } else {
            release(bytes)
        }
        return result
    }

    /// Takes the oldest batch of the reader `home`, else of another, urgent ones first; sleeps while there is none.
    ///
    /// - Returns: `.closed` once the queue is closed and drained, `.empty` after the limit.
    func pop(home: Int = 0, waitingUpTo limit: Duration) -> PopResult<RowBatch> {
        let found: PopResult<RowBatch>? = doorbell.wait(upTo: limit) { self.pop(home: home) }
        return found ?? .empty
    }

    /// Takes the oldest bulk batch of a reader, else of another, to be shed.
    func takeOldestBulk(reader: Int = 0) -> RowBatch? {
        for step in shelves.indices {
            if case .item(let batch) = shelves[(reader + step) % shelves.count].bulk.stealOldest() {
                release(batch.heldBytes)
                return batch
            }
        }
        return nil
    }

    /// Refuses all pushes from now on; what is in it can still be taken.
    func close() {
        for shelf in shelves {
            shelf.urgent.close()
            shelf.bulk.close()
        }
        doorbell.ringAll()
    }

    /// Batches in it; approximate.
    var count: Int { max(0, reserved.load(ordering: .relaxed)) }

    /// Bytes of memory that its batches hold; approximate.
    var bytes: Int { max(0, heldBytes.load(ordering: .relaxed)) }

    /// The most that ``count`` ever was.
    var highWater: Int { highWaterMark.load(ordering: .relaxed) }

    /// Batches that an encoder took from another reader's deques than its home's.
    var stolenFromOthers: UInt64 { stolen.load(0) }
    private let stolen = CounterBlock(count: 1)

    /// nil: nothing at this moment.
    private func pop(home: Int) -> PopResult<RowBatch>? {
        var closed = 0
        for isBulk in [false, true] {
            for step in shelves.indices {
                let shelf = shelves[(home + step) % shelves.count]
                switch (isBulk ? shelf.bulk : shelf.urgent).stealOldest() {
                case .item(let batch):
                    release(batch.heldBytes)
                    if step > 0 { stolen.add(0) }
                    return .item(batch)
                case .closed: closed += 1
                case .empty: break
                }
            }
        }
        return closed == 2 * shelves.count ? .closed : nil
    }

    private func reserve(upTo limit: Int) -> Bool {
        // Relaxed, here and below: the deques order the batches' content, this only counts.
        var current = reserved.load(ordering: .relaxed)
        while current < limit {
            let (exchanged, original) = reserved.weakCompareExchange(
                expected: current,
                desired: current + 1,
                ordering: .relaxed
            )
            if exchanged {
                highWaterMark.max(current + 1, ordering: .relaxed)
                return true
            }
            current = original
        }
        return false
    }

    private func release(_ bytes: Int) {
        reserved.subtract(1, ordering: .relaxed)
        heldBytes.subtract(bytes, ordering: .relaxed)
    }
}

extension RowBatch {
    /// Whether its rows are the ledger's: a batch holds either those or events.
    var holdsLedger: Bool { !isEmpty && rowCount(of: .ledger) == rowCount }
}
