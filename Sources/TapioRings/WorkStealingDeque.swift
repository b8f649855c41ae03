public import Synchronization

/// A bounded deque of work: its owner puts in and takes out at the new end, any other thread steals at the old end.
///
/// The algorithm of Chase and Lev ("Dynamic circular work-stealing deque", 2005; for weak memory Lê, Pop, Cohen and
/// Nardelli, 2013) with three differences. It does not grow: a full deque says so. An element is moved out only by who
/// has won its position, because elements may be references or not be copyable; so a slot has a word that says which
/// position may be put into it next, and the owner does not reuse a slot whose thief still moves. And it can be closed.
///
/// All calls return at once. Whatever is left at deinit is released.
///
/// - Important: At any moment at most one thread, the owner, may call `push` and `popNewest`. Whoever shares the deque
///   upholds this; debug builds trap on two overlapping calls. Any thread may call the rest, the owner too.
@safe
public final class WorkStealingDeque<Element: ~Copyable & Sendable>: @unchecked Sendable {
    // Unchecked, because the compiler cannot see that an element belongs to the owner until a thread wins its position,
    // and to that thread from then on.
    //
    // Positions only grow; elements are those in [top, bottom). The newest may be wanted by the owner and a thief at
    // once. The owner first lowers `bottom` (O1), then reads `top` (O2); a thief first reads `top` (T1), then `bottom`
    // (T2), then moves `top` (T3). These five are sequentially consistent, so that all threads agree on their order,
    // which does what the fences of Lê et al. do (and is seen by a thread sanitizer, as fences are not): if O1 comes
    // before T2, the thief sees the lowered bottom and leaves the position alone; if T2 comes before O1, then T1 comes
    // before O2, so the owner sees that the position is the oldest, and settles it with an exchange of `top` as thieves
    // do. A thief that read an old `top` fails at T3, as `top` never returns to a value.

    /// What the owner writes.
    @usableFromInline
    struct OwnerSide: ~Copyable {
        /// Position after the newest element; bit 63 set once closed. Only the owner moves the position.
        @usableFromInline let bottom = Atomic<UInt64>(0)
        @usableFromInline let pushed = Atomic<UInt64>(0)
        @usableFromInline let popped = Atomic<UInt64>(0)
        @usableFromInline let refusedFull = Atomic<UInt64>(0)
        @usableFromInline let refusedClosed = Atomic<UInt64>(0)
        @usableFromInline let highWater = Atomic<Int>(0)
        @usableFromInline let caller = SingleCaller()

        init() {}
    }

    /// What thieves write, and the owner when it takes the last element.
    @usableFromInline
    struct ThiefSide: ~Copyable {
        /// Position of the oldest element that nobody has won.
        @usableFromInline let top = Atomic<UInt64>(0)
        @usableFromInline let stolen = Atomic<UInt64>(0)
        @usableFromInline let lostRaces = Atomic<UInt64>(0)

        init() {}
    }

    /// The number of slots: a power of two.
    public let capacity: Int
    @usableFromInline let mask: UInt64
    @usableFromInline let owner: UnsafeMutablePointer<OwnerSide>
    @usableFromInline let thieves: UnsafeMutablePointer<ThiefSide>
    @usableFromInline let slots: UnsafeMutableRawPointer

    /// Makes an empty deque with at least `capacity` slots (1…2^30, rounded up to a power of two, at least 2). All memory
    /// is allocated here: the capacity times the element's stride and a word.
    public init(capacity requested: Int) {
        capacity = RingCapacity.slots(for: requested)
        mask = UInt64(capacity - 1)
        precondition(MemoryLayout<OwnerSide>.size <= CacheLine.bytes)
        precondition(MemoryLayout<ThiefSide>.size <= CacheLine.bytes)
        precondition(MemoryLayout<Element>.alignment <= CacheLine.bytes)
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: 2 * CacheLine.bytes + capacity * Self.slotStride,
            alignment: CacheLine.bytes
        )
        unsafe owner = raw.bindMemory(to: OwnerSide.self, capacity: 1)
        unsafe thieves = (raw + CacheLine.bytes).bindMemory(to: ThiefSide.self, capacity: 1)
        unsafe slots = raw + 2 * CacheLine.bytes
        unsafe owner.initialize(to: OwnerSide())
        unsafe thieves.initialize(to: ThiefSide())
        for position in 0..<UInt64(capacity) {
            unsafe nextPosition(at: position).initialize(to: Atomic(position))
        }
    }

    deinit {
        // No call can be under way: it would hold a reference. So [top, bottom) are whole elements.
        let bottom = unsafe Self.position(owner.pointee.bottom.load(ordering: .relaxed))
        var position = unsafe thieves.pointee.top.load(ordering: .relaxed)
        while position != bottom {
            unsafe element(at: position).deinitialize(count: 1)
            position &+= 1
        }
        unsafe owner.deinitialize(count: 1)
        unsafe thieves.deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(owner).deallocate()
    }

    /// Ends the work: later pushes are refused, what is left is handed out, then all calls say `.closed`. Any thread may
    /// call it, more than once; a push that is under way either counts as before the close, and will be handed out, or
    /// is refused.
    public func close() {
        // One order with the pushes, being on the same word. Release: with the acquire of T2 and in `popNewest`, what the
        // closer did before.
        unsafe owner.pointee.bottom.bitwiseOr(Self.closedBit, ordering: .releasing)
    }

    /// Elements in the deque at this moment; approximate while other threads work.
    public var count: Int {
        // Top first, so that bottom is no older. Relaxed otherwise: nothing is read on the strength of it.
        let top = unsafe thieves.pointee.top.load(ordering: .acquiring)
        let bottom = unsafe Self.position(owner.pointee.bottom.load(ordering: .relaxed))
        return min(capacity, max(0, Self.distance(from: top, to: bottom)))
    }

    /// The counters; any thread may ask.
    public var statistics: DequeStatistics {
        // Relaxed: each stands alone. An element can be stolen before its push is counted.
        let popped = unsafe owner.pointee.popped.load(ordering: .relaxed)
        let stolen = unsafe thieves.pointee.stolen.load(ordering: .relaxed)
        return unsafe DequeStatistics(
            pushed: max(popped &+ stolen, owner.pointee.pushed.load(ordering: .relaxed)),
            popped: popped,
            stolen: stolen,
            lostRaces: thieves.pointee.lostRaces.load(ordering: .relaxed),
            refusedFull: owner.pointee.refusedFull.load(ordering: .relaxed),
            refusedClosed: owner.pointee.refusedClosed.load(ordering: .relaxed),
            highWater: owner.pointee.highWater.load(ordering: .relaxed),
            capacity: capacity
        )
    }
}
