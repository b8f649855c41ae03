import Synchronization
public import TapioArchive
import TapioRings

/// An encoded batch on its way to the one who writes it. Its place in the bounded hand-over is taken until it is settled.
public final class EncodedBatch: Sendable {
    /// What is to be written.
    public let batch: ArchiveBatch
    private let isSettled = Atomic<Bool>(false)
    private let onSettled: @Sendable () -> Void

    init(_ batch: ArchiveBatch, onSettled: @escaping @Sendable () -> Void) {
        self.batch = batch
        self.onSettled = onSettled
    }

    deinit {
        // Whoever forgot it must not block the encoders for ever.
        settle()
    }

    /// Says that the batch is written, or counted as lost: an encoder may hand over another. More than once is once.
    public func settle() {
        if !isSettled.exchange(true, ordering: .acquiringAndReleasing) { onSettled() }
    }
}

/// Encoded batches, as they come, for one consumer: a bounded asynchronous sequence.
///
/// Threads put batches in and wait while as many as allowed are not settled; so pressure reaches the readers instead of
/// memory. After each batch call ``EncodedBatch/settle()``. It ends after the pipeline has stopped and all is handed over.
public struct EncodedBatches: AsyncSequence, Sendable {
    /// What the sequence gives.
    public typealias Element = EncodedBatch

    private let stream: AsyncStream<EncodedBatch>

    init(_ stream: AsyncStream<EncodedBatch>) {
        self.stream = stream
    }

    /// The consumer's side.
    public func makeAsyncIterator() -> AsyncStream<EncodedBatch>.Iterator { stream.makeAsyncIterator() }
}

/// The encoders' side of ``EncodedBatches``.
///
/// The stream itself is unbounded; what may be unsettled bounds it, in number and in bytes: a batch takes its share before it
/// is yielded and gives it back when it is settled. A batch that is larger than the bound goes through alone.
final class EncodedBatchGate: Sendable {
    private struct State {
        var nextTicket: UInt64 = 0
        var bytes = 0
        /// By ticket, in the order in which they were sent: monotonic time of the sending.
        var unsettled: [(ticket: UInt64, sentNs: UInt64)] = []
    }

    let batches: EncodedBatches
    /// The most batches that may be unsettled.
    let most: Int
    /// The most bytes of memory that may be unsettled.
    let mostBytes: Int
    private let continuation: AsyncStream<EncodedBatch>.Continuation
    // Held for some ten ns, twice for each batch.
    private let state = Guarded(State())
    private let doorbell = Doorbell()
    private let isOpen = Atomic<Bool>(true)
    private let tracker: BatchTracker

    /// A gate through which `most` unsettled batches of `mostBytes` together may go.
    init(most: Int, mostBytes: Int, tracker: BatchTracker) {
        precondition(most >= 1 && mostBytes >= 1)
        self.most = most
        self.mostBytes = mostBytes
        self.tracker = tracker
        let (stream, continuation) = AsyncStream<EncodedBatch>.makeStream(bufferingPolicy: .unbounded)
        self.continuation = continuation
        batches = EncodedBatches(stream)
        // A consumer that goes away must not leave the encoders asleep.
        continuation.onTermination = { [weak self] _ in self?.abandon() }
    }

    /// Hands over a batch; sleeps while there is no room. False where nobody takes it any more: it is then lost.
    func send(_ batch: ArchiveBatch) -> Bool {
        let bytes = batch.group.bytes.heldBytes
        let ticket: UInt64? = doorbell.wait(upTo: .seconds(1 << 40)) { [self] in
            isOpen.load(ordering: .acquiring) ? enter(bytes) : .max
        }
        guard let ticket, ticket != .max else { return false }
        let sequence = batch.sequence
        let delivery = EncodedBatch(batch) { [self] in
            tracker.settle(sequence)
            leave(ticket, bytes)
        }
        if case .terminated = continuation.yield(delivery) { return false }
        return true
    }

    /// Ends the sequence, after what was sent.
    func finish() {
        continuation.finish()
    }

    /// What was sent and is not settled.
    var backlog: EncodedBacklog {
        state.withLock { state in
            EncodedBacklog(
                batches: state.unsettled.count,
                bytes: state.bytes,
                oldestSentNs: state.unsettled.first?.sentNs
            )
        }
    }

    private func abandon() {
        isOpen.store(false, ordering: .releasing)
        doorbell.ringAll()
    }

    /// A ticket, where there is room.
    private func enter(_ bytes: Int) -> UInt64? {
        state.withLock { state in
            guard state.unsettled.count < most, state.bytes == 0 || state.bytes + bytes <= mostBytes else { return nil }
            let ticket = state.nextTicket
            state.nextTicket += 1
            state.bytes += bytes
            state.unsettled.append((ticket, MonotonicClock.monotonicNs))
            return ticket
        }
    }

    private func leave(_ ticket: UInt64, _ bytes: Int) {
        state.withLock { state in
            state.bytes -= bytes
            state.unsettled.removeAll { $0.ticket == ticket }
        }
        // Room for several small ones may be there now.
        doorbell.ringAll()
    }
}

/// Encoded batches that wait to be written.
public struct EncodedBacklog: Sendable, Hashable {
    /// Batches.
    public var batches: Int
    /// Bytes of memory that they take.
    public var bytes: Int
    /// Monotonic time since when the oldest of them waits; nil where there is none.
    public var oldestSentNs: UInt64?
}
