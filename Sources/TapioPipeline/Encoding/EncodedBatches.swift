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
/// The stream itself is unbounded; permits bound it: a batch takes one before it is yielded and gives it back when it is
/// settled.
final class EncodedBatchGate: Sendable {
    let batches: EncodedBatches
    private let continuation: AsyncStream<EncodedBatch>.Continuation
    private let free: Atomic<Int>
    private let doorbell = Doorbell()
    private let isOpen = Atomic<Bool>(true)
    private let tracker: BatchTracker

    /// A gate through which `most` unsettled batches may go.
    init(most: Int, tracker: BatchTracker) {
        precondition(most >= 1)
        self.tracker = tracker
        free = Atomic(most)
        let (stream, continuation) = AsyncStream<EncodedBatch>.makeStream(bufferingPolicy: .unbounded)
        self.continuation = continuation
        batches = EncodedBatches(stream)
        // A consumer that goes away must not leave the encoders asleep.
        continuation.onTermination = { [weak self] _ in self?.abandon() }
    }

    /// Hands over a batch; sleeps while there is no permit. False where nobody takes it any more: it is then lost.
    func send(_ batch: ArchiveBatch) -> Bool {
        let got: Void? = doorbell.wait(upTo: .seconds(1 << 40)) { [self] in
            if !isOpen.load(ordering: .acquiring) { return () }
            return takePermit() ? () : nil
        }
        guard got != nil, isOpen.load(ordering: .acquiring) else { return false }
        let sequence = batch.sequence
        let delivery = EncodedBatch(batch) { [self] in
            tracker.settle(sequence)
            free.add(1, ordering: .releasing)
            doorbell.ring()
        }
        if case .terminated = continuation.yield(delivery) { return false }
        return true
    }

    /// Ends the sequence, after what was sent.
    func finish() {
        continuation.finish()
    }

    private func abandon() {
        isOpen.store(false, ordering: .releasing)
        doorbell.ringAll()
    }

    private func takePermit() -> Bool {
        var current = free.load(ordering: .acquiring)
        while current > 0 {
            let (exchanged, original) = free.weakCompareExchange(
                expected: current,
                desired: current - 1,
                ordering: .acquiringAndReleasing
            )
            if exchanged { return true }
            current = original
        }
        return false
    }

    /// Batches that were sent and are not settled.
    func unsettled(of most: Int) -> Int { most - free.load(ordering: .relaxed) }
}
