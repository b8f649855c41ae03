import Synchronization
import TapioEvents
import TapioRings

/// Sealed batches on their way from the readers to the encoders, bounded: first ledger rows, then urgent, then bulk, each in
/// order.
///
/// Pushing never blocks. Of the places, one is kept for urgent batches, so that bulk can't take all. Ledger batches, which
/// are small and rare, have places of their own.
final class BatchQueue: Sendable {
    /// Places for ledger batches.
    static let ledgerPlaces = 16

    /// The most urgent and bulk batches together.
    let most: Int
    private let urgent: BoundedMPMCRing<RowBatch>
    private let bulk: BoundedMPMCRing<RowBatch>
    private let ledger = BoundedMPMCRing<RowBatch>(capacity: BatchQueue.ledgerPlaces)
    private let doorbell = Doorbell()
    /// Urgent and bulk batches in the rings or on their way into them.
    private let reserved = Atomic<Int>(0)
    private let bulkQueued = Atomic<Int>(0)
    private let highWaterMark = Atomic<Int>(0)

    /// An empty queue.
    init(most: Int) {
        precondition(most >= 1)
        self.most = most
        urgent = BoundedMPMCRing(capacity: most)
        bulk = BoundedMPMCRing(capacity: most)
    }

    /// Offers a sealed batch; refused while there is no place for its lane.
    func push(_ batch: consuming RowBatch) -> PushResult<RowBatch> {
        if batch.holdsLedger {
            let result = ledger.push(batch)
            if result.isPushed { doorbell.ring() }
            return result
        }
        let isBulk = batch.lane == .bulk
        guard reserve(upTo: isBulk && most > 1 ? most - 1 : most) else { return .full(batch) }
        // Counted first: a consumer may take it before this thread goes on.
        if isBulk { bulkQueued.add(1, ordering: .relaxed) }
        let result = (isBulk ? bulk : urgent).push(batch)
        if result.isPushed {
            doorbell.ring()
        } else {
            release(isBulk: isBulk)
        }
        return result
    }

    /// Takes the oldest batch, of the most urgent sort that there is; sleeps while there is none.
    ///
    /// - Returns: `.closed` once the queue is closed and drained, `.empty` after the limit.
    func pop(waitingUpTo limit: Duration) -> PopResult<RowBatch> {
        let found: PopResult<RowBatch>? = doorbell.wait(upTo: limit) { self.pop() }
        return found ?? .empty
    }

    /// Takes the oldest bulk batch, to be shed.
    func takeOldestBulk() -> RowBatch? {
        guard case .item(let batch) = bulk.pop() else { return nil }
        release(isBulk: true)
        return batch
    }

    /// Refuses all pushes from now on; what is in it can still be taken.
    func close() {
        ledger.close()
        urgent.close()
        bulk.close()
        doorbell.ringAll()
    }

    /// Urgent and bulk batches in it; approximate.
    var count: Int { max(0, reserved.load(ordering: .relaxed)) }

    /// Bulk batches in it; approximate.
    var bulkCount: Int { max(0, bulkQueued.load(ordering: .relaxed)) }

    /// The most that ``count`` ever was.
    var highWater: Int { highWaterMark.load(ordering: .relaxed) }

    /// nil: nothing at this moment.
    private func pop() -> PopResult<RowBatch>? {
        var closed = 0
        switch ledger.pop() {
        case .item(let batch): return .item(batch)
        case .closed: closed += 1
        case .empty: break
        }
        switch urgent.pop() {
        case .item(let batch):
            release(isBulk: false)
            return .item(batch)
        case .closed: closed += 1
        case .empty: break
        }
        switch bulk.pop() {
        case .item(let batch):
            release(isBulk: true)
            return .item(batch)
        case .closed: closed += 1
        case .empty: break
        }
        return closed == 3 ? .closed : nil
    }

    private func reserve(upTo limit: Int) -> Bool {
        // Relaxed, here and below: the rings order the batches' content, this only counts.
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

    private func release(isBulk: Bool) {
        reserved.subtract(1, ordering: .relaxed)
        if isBulk { bulkQueued.subtract(1, ordering: .relaxed) }
    }
}

extension RowBatch {
    /// Whether its rows are the ledger's: a batch holds either those or events.
    var holdsLedger: Bool { !isEmpty && rowCount(of: .ledger) == rowCount }
}
