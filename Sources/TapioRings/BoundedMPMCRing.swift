public import Synchronization

/// A bounded first-in-first-out ring that any number of threads push to and pop from, without locks.
///
/// Every slot has a sequence number that says whose turn it is: position `p` may be filled when it reads `p`, emptied
/// when it reads `p + 1`, and is handed to the next lap with `p + capacity`. A thread first claims a position by moving
/// the shared index, then works on a slot that is its own. Elements of one producer come out in its order. All calls
/// return at once; whatever is left at deinit is released.
///
/// Threads need no agreement beyond holding a reference.
@safe
public final class BoundedMPMCRing<Element: ~Copyable & Sendable>: @unchecked Sendable {
    // Unchecked, because the compiler cannot see that a slot belongs to the one thread that claimed its position; the
    // acquire/release pairs on the slot's sequence number hand it over.

    /// Producers' line.
    @usableFromInline
    struct ProducerSide: ~Copyable {
        /// Position after the newest claimed element; bit 63 set once the ring is closed, so that a claim and the close
        /// have one order that all see.
        @usableFromInline let tail = Atomic<UInt64>(0)
        @usableFromInline let refusedFull = Atomic<UInt64>(0)
        @usableFromInline let refusedClosed = Atomic<UInt64>(0)
        @usableFromInline let highWater = Atomic<Int>(0)

        init() {}
    }

    /// Consumers' line.
    @usableFromInline
    struct ConsumerSide: ~Copyable {
        /// Position of the oldest element that nobody has claimed.
        @usableFromInline let head = Atomic<UInt64>(0)

        init() {}
    }

    /// The number of slots: a power of two.
    public let capacity: Int
    @usableFromInline let mask: UInt64
    @usableFromInline let producers: UnsafeMutablePointer<ProducerSide>
    @usableFromInline let consumers: UnsafeMutablePointer<ConsumerSide>
    @usableFromInline let slots: UnsafeMutableRawPointer

    /// Makes an empty ring with at least `capacity` slots (1…2^30, rounded up to a power of two, at least 2). All memory
    /// is allocated here: the capacity times the element's stride and a sequence number.
    public convenience init(capacity: Int) {
        self.init(capacity: capacity, indexSpacing: CacheLine.bytes)
    }

    /// The two sides' lines are so many bytes apart: fewer than ``CacheLine/bytes`` only to measure what that costs.
    init(capacity requested: Int, indexSpacing: Int) {
        precondition(MemoryLayout<ProducerSide>.size <= indexSpacing && indexSpacing <= CacheLine.bytes)
        precondition(indexSpacing % MemoryLayout<ConsumerSide>.alignment == 0)
        capacity = RingCapacity.slots(for: requested)
        mask = UInt64(capacity - 1)
        precondition(MemoryLayout<Element>.alignment <= CacheLine.bytes)
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: 2 * CacheLine.bytes + capacity * Self.slotStride,
            alignment: CacheLine.bytes
        )
        unsafe producers = raw.bindMemory(to: ProducerSide.self, capacity: 1)
        unsafe consumers = (raw + indexSpacing).bindMemory(to: ConsumerSide.self, capacity: 1)
        unsafe slots = raw + 2 * CacheLine.bytes
        unsafe producers.initialize(to: ProducerSide())
        unsafe consumers.initialize(to: ConsumerSide())
        for position in 0..<UInt64(capacity) {
            unsafe sequence(at: position).initialize(to: Atomic(position))
        }
    }

    deinit {
        // No call can be under way: it would hold a reference. So every claimed position is also filled or emptied.
        let tail = unsafe producers.pointee.tail.load(ordering: .relaxed) & ~Self.closedBit
        var position = unsafe consumers.pointee.head.load(ordering: .relaxed)
        while position != tail {
            unsafe element(at: position).deinitialize(count: 1)
            position &+= 1
        }
        unsafe producers.deinitialize(count: 1)
        unsafe consumers.deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(producers).deallocate()
    }

    /// Offers one element.
    @inlinable
    public func push(_ element: consuming Element) -> PushResult<Element> {
        switch claimFree(upTo: 1) {
        case .claimed(let position, _):
            unsafe self.element(at: position).initialize(to: element)
            // Release: the content before the number; pairs with the acquire in `claimFilled`.
            unsafe sequence(at: position).pointee.store(position &+ 1, ordering: .releasing)
            return .pushed
        case .none:
            // Relaxed, as all counters: nothing is read on the strength of them.
            unsafe producers.pointee.refusedFull.add(1, ordering: .relaxed)
            return .full(element)
        case .closed:
            unsafe producers.pointee.refusedClosed.add(1, ordering: .relaxed)
            return .closed(element)
        }
    }

    /// Takes the oldest element.
    @inlinable
    public func pop() -> PopResult<Element> {
        switch claimFilled(upTo: 1) {
        case .claimed(let position, _):
            let element = unsafe self.element(at: position).move()
            // Release: the move out before the slot's next lap; pairs with the acquire in `claimFree`.
            unsafe sequence(at: position).pointee.store(position &+ UInt64(capacity), ordering: .releasing)
            return .item(element)
        case .none: return .empty
        case .closed: return .closed
        }
    }

    /// Ends the stream: later pushes are refused, pops hand out what is left and then say `.closed`. Any thread may call
    /// it; a push that is under way either counts as before the close, and will be handed out, or is refused.
    public func close() {
        // One order with the claims, being on the same word. Release: with the acquire in `claimFilled`, what the closer
        // did before.
        unsafe producers.pointee.tail.bitwiseOr(Self.closedBit, ordering: .releasing)
    }

    /// The counters; any thread may ask. `popped` counts a position from its claim on. `highWater` is the greatest
    /// backlog that a producer found behind its own element.
    public var statistics: RingStatistics {
        // Head first, so that pushed is never behind popped. Acquire: with the release on `head` in `claimFilled`.
        let popped = unsafe consumers.pointee.head.load(ordering: .acquiring)
        return unsafe RingStatistics(
            pushed: producers.pointee.tail.load(ordering: .relaxed) & ~Self.closedBit,
            popped: popped,
            refusedFull: producers.pointee.refusedFull.load(ordering: .relaxed),
            refusedClosed: producers.pointee.refusedClosed.load(ordering: .relaxed),
            highWater: producers.pointee.highWater.load(ordering: .relaxed),
            capacity: capacity
        )
    }
}
