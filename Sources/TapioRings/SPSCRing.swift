public import Synchronization

/// A bounded first-in-first-out ring between one producer thread and one consumer thread, without locks.
///
/// An element costs a move in and a move out; both ends share a cache line only when one has used up what it knew of the
/// other. All calls return at once. Whatever is left at deinit is released.
///
/// - Important: At any moment at most one thread may call the producer's calls (`push`, `close`) and at most one the
///   consumer's (`pop`, `drain`). Whoever shares the ring upholds this; debug builds trap on two overlapping calls.
///   Handing an end to another thread needs a synchronization of its own, such as a thread's start or join.
@safe
public final class SPSCRing<Element: ~Copyable & Sendable>: @unchecked Sendable {
    // Unchecked, because the compiler cannot see that slots in [head, tail) belong to the consumer and all others to
    // the producer; the acquire/release pairs on `head` and `tail` below hand them over.

    /// What the producer writes. The consumer reads only the atomics.
    @usableFromInline
    struct ProducerSide: ~Copyable {
        /// Position after the newest element.
        @usableFromInline let tail = Atomic<UInt64>(0)
        @usableFromInline let isClosed = Atomic<Bool>(false)
        @usableFromInline let refusedFull = Atomic<UInt64>(0)
        @usableFromInline let refusedClosed = Atomic<UInt64>(0)
        @usableFromInline let caller = SingleCaller()
        /// `head` as the producer last saw it: never ahead of the true one.
        @usableFromInline var knownHead: UInt64 = 0

        init() {}
    }

    /// What the consumer writes. The producer reads only the atomics.
    @usableFromInline
    struct ConsumerSide: ~Copyable {
        /// Position of the oldest element that the producer may not overwrite yet.
        @usableFromInline let head = Atomic<UInt64>(0)
        @usableFromInline let highWater = Atomic<Int>(0)
        @usableFromInline let caller = SingleCaller()
        /// Position of the oldest element that was not moved out; ahead of `head` within a batch.
        @usableFromInline var next: UInt64 = 0
        /// `tail` as the consumer last saw it: never ahead of the true one.
        @usableFromInline var knownTail: UInt64 = 0

        init() {}
    }

    /// The number of slots: a power of two.
    public let capacity: Int
    @usableFromInline let mask: UInt64
    @usableFromInline let producer: UnsafeMutablePointer<ProducerSide>
    @usableFromInline let consumer: UnsafeMutablePointer<ConsumerSide>
    @usableFromInline let slots: UnsafeMutablePointer<Element>

    /// Makes an empty ring with at least `capacity` slots (1…2^30, rounded up to a power of two, at least 2). All memory
    /// is allocated here: the capacity times the element's stride.
    public convenience init(capacity: Int) {
        self.init(capacity: capacity, indexSpacing: CacheLine.bytes)
    }

    /// The two ends' lines are so many bytes apart: fewer than ``CacheLine/bytes`` only to measure what that costs.
    init(capacity requested: Int, indexSpacing: Int) {
        capacity = RingCapacity.slots(for: requested)
        mask = UInt64(capacity - 1)
        precondition(MemoryLayout<ProducerSide>.size <= indexSpacing && indexSpacing <= CacheLine.bytes)
        precondition(indexSpacing % MemoryLayout<ConsumerSide>.alignment == 0)
        precondition(MemoryLayout<ConsumerSide>.size <= CacheLine.bytes)
        precondition(MemoryLayout<Element>.alignment <= CacheLine.bytes)
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: 2 * CacheLine.bytes + capacity * MemoryLayout<Element>.stride,
            alignment: CacheLine.bytes
        )
        unsafe producer = raw.bindMemory(to: ProducerSide.self, capacity: 1)
        unsafe consumer = (raw + indexSpacing).bindMemory(to: ConsumerSide.self, capacity: 1)
        unsafe slots = (raw + 2 * CacheLine.bytes).bindMemory(to: Element.self, capacity: capacity)
        unsafe producer.initialize(to: ProducerSide())
        unsafe consumer.initialize(to: ConsumerSide())
    }

    deinit {
        // No call can be under way: it would hold a reference.
        let tail = unsafe producer.pointee.tail.load(ordering: .relaxed)
        var position = unsafe consumer.pointee.next
        while position != tail {
            unsafe slot(at: position).deinitialize(count: 1)
            position &+= 1
        }
        unsafe producer.deinitialize(count: 1)
        unsafe consumer.deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(producer).deallocate()
    }

    /// Offers one element. Producer only.
    @inlinable
    public func push(_ element: consuming Element) -> PushResult<Element> {
        unsafe producer.pointee.caller.enter()
        defer { unsafe producer.pointee.caller.leave() }
        // Relaxed: the producer itself wrote both.
        if unsafe producer.pointee.isClosed.load(ordering: .relaxed) {
            countRefusedClosed(1)
            return .closed(element)
        }
        let tail = unsafe producer.pointee.tail.load(ordering: .relaxed)
        guard freeSlots(at: tail, wanted: 1) > 0 else {
            countRefusedFull(1)
            return .full(element)
        }
        unsafe slot(at: tail).initialize(to: element)
        // Release: the slot's content before its position; pairs with the acquire in `filledSlots`.
        unsafe producer.pointee.tail.store(tail &+ 1, ordering: .releasing)
        return .pushed
    }

    /// Takes the oldest element. Consumer only.
    @inlinable
    public func pop() -> PopResult<Element> {
        unsafe consumer.pointee.caller.enter()
        defer { unsafe consumer.pointee.caller.leave() }
        switch filledSlots(wanted: 1) {
        case .empty: return .empty
        case .closed: return .closed
        case .popped: break
        }
        let position = unsafe consumer.pointee.next
        let element = unsafe slot(at: position).move()
        unsafe consumer.pointee.next = position &+ 1
        // Release: the move out before the slot's return; pairs with the acquire in `freeSlots`.
        unsafe consumer.pointee.head.store(position &+ 1, ordering: .releasing)
        return .item(element)
    }

    /// Ends the stream: later pushes are refused, pops hand out what is left and then say `.closed`. Producer only, so
    /// that nothing can be pushed behind the end. Closing twice does nothing.
    public func close() {
        unsafe producer.pointee.caller.enter()
        // Release: every push before it; pairs with the acquire of `isClosed` in `filledSlots`.
        unsafe producer.pointee.isClosed.store(true, ordering: .releasing)
        unsafe producer.pointee.caller.leave()
    }

    /// The counters; any thread may ask. `highWater` is the greatest backlog that the consumer found when it looked, or
    /// the capacity if a push was ever refused.
    public var statistics: RingStatistics {
        // Head first, so that pushed is never behind popped. Acquire: with the release of `head`, whose writer had seen
        // a tail at least as great. The other counters stand alone: relaxed.
        let popped = unsafe consumer.pointee.head.load(ordering: .acquiring)
        let refusedFull = unsafe producer.pointee.refusedFull.load(ordering: .relaxed)
        return unsafe RingStatistics(
            pushed: producer.pointee.tail.load(ordering: .relaxed),
            popped: popped,
            refusedFull: refusedFull,
            refusedClosed: producer.pointee.refusedClosed.load(ordering: .relaxed),
            highWater: refusedFull > 0 ? capacity : consumer.pointee.highWater.load(ordering: .relaxed),
            capacity: capacity
        )
    }
}
