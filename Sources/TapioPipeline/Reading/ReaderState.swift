import Synchronization
import TapioEvents
import TapioRings

/// What a reader's thread shares with the others: requests one way, counts the other.
final class ReaderState: Sendable {
    /// Counts of a lane, in the order of ``ReaderStatistics/LaneCounts``.
    enum LaneCount: Int, CaseIterable {
        case records, bytes, batches, blockedPasses
    }

    /// Counts of the reader.
    enum Count: Int, CaseIterable {
        case passes, sleeps, shedBatches, cpuNs
    }

    private struct Requests {
        var sealsAsked: UInt64 = 0
        var isFinished = false
        var waiters: [(seal: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var tuning: ReaderTuning
    }

    // All of these are written by the reader's thread alone.
    let laneCounts = CounterBlock(count: Lane.allCases.count * LaneCount.allCases.count, layout: .packed)
    let counts = CounterBlock(count: Count.allCases.count, layout: .packed)
    let malformed = CounterBlock(count: RecordFault.allCases.count * EventKind.limit, layout: .packed)
    let aggregation = CounterBlock(count: AggregationStatistics.counters, layout: .packed)
    /// For each source: received, next sequence.
    let ringCounts: CounterBlock

    /// How full the reader found the fullest ring of each lane.
    let urgentFill = RingFill()
    let bulkFill = RingFill()

    /// Moves with each change of ``requests``, so that the thread takes the lock only when something is new.
    private let changes = Atomic<UInt64>(0)
    /// Monotonic ns at which a stopping reader gives up waiting; `.max`: not stopping.
    private let deadline = Atomic<UInt64>(.max)
    private let requests: Guarded<Requests>
    /// Monotonic ns until which the thread stands still, and whether it does. Relaxed: nothing else hangs on them.
    private let stallUntil = Atomic<UInt64>(0)
    private let isStandingStill = Atomic<Bool>(false)

    init(sourceCount: Int, tuning: ReaderTuning) {
        ringCounts = CounterBlock(count: sourceCount * 2, layout: .packed)
        requests = Guarded(Requests(tuning: tuning))
    }

    func count(_ lane: Lane, _ what: LaneCount, _ amount: UInt64 = 1) {
        laneCounts.addAsOnlyWriter(Int(lane.rawValue) * LaneCount.allCases.count + what.rawValue, amount)
    }

    func count(_ what: Count, _ amount: UInt64 = 1) {
        counts.addAsOnlyWriter(what.rawValue, amount)
    }

    func laneCount(_ lane: Lane, _ what: LaneCount) -> UInt64 {
        laneCounts.load(Int(lane.rawValue) * LaneCount.allCases.count + what.rawValue)
    }

    // MARK: - Asked by others

    func update(_ tuning: ReaderTuning) {
        requests.withLock { $0.tuning = tuning }
        // Release: with the acquire in `changeCount`. The lock orders the content anyway.
        changes.add(1, ordering: .releasing)
    }

    func requestSeal() {
        requests.withLock { $0.sealsAsked += 1 }
        changes.add(1, ordering: .releasing)
    }

    /// Requests a seal and returns when everything received before has been handed over.
    func seal() async {
        await withCheckedContinuation { continuation in
            let isFinished = requests.withLock { requests in
                if requests.isFinished { return true }
                requests.sealsAsked += 1
                requests.waiters.append((requests.sealsAsked, continuation))
                return false
            }
            if isFinished { continuation.resume() }
            changes.add(1, ordering: .releasing)
        }
    }

    /// Lets the thread stand still from its next pass until that monotonic time, or until it is to stop.
    func stall(untilNs: UInt64) { stallUntil.store(untilNs, ordering: .relaxed) }

    /// Whether it stands still.
    var isStalled: Bool { isStandingStill.load(ordering: .relaxed) }

    func stop(deadlineNs: UInt64) {
        deadline.store(min(deadlineNs, .max - 1), ordering: .releasing)
    }

    // MARK: - Asked by the reader's thread

    /// Differs from the last value when there may be something new.
    var changeCount: UInt64 { changes.load(ordering: .acquiring) }

    var stopDeadlineNs: UInt64? {
        let value = deadline.load(ordering: .acquiring)
        return value == .max ? nil : value
    }

    /// Stands still where that was asked for.
    func serveStall() {
        guard stallUntil.load(ordering: .relaxed) != 0 else { return }
        isStandingStill.store(true, ordering: .relaxed)
        while MonotonicClock.monotonicNs < stallUntil.load(ordering: .relaxed), stopDeadlineNs == nil {
            MonotonicClock.sleep(nanoseconds: 1_000_000)
        }
        stallUntil.store(0, ordering: .relaxed)
        isStandingStill.store(false, ordering: .relaxed)
    }

    var current: (tuning: ReaderTuning, sealsAsked: UInt64) {
        requests.withLock { ($0.tuning, $0.sealsAsked) }
    }

    /// All seals up to this one are handed over.
    func served(_ seal: UInt64) {
        let ready = requests.withLock { requests in
            let ready = requests.waiters.filter { $0.seal <= seal }
            requests.waiters.removeAll { $0.seal <= seal }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Nothing more will be read.
    func finish() {
        let ready = requests.withLock { requests in
            requests.isFinished = true
            let ready = requests.waiters
            requests.waiters = []
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }
}
