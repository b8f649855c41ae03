public import Synchronization

// Where slots lie, and how a thread comes to own some.
extension BoundedMPMCRing where Element: ~Copyable {
    /// The bit of `tail` that says closed. Positions never reach it: at 10^9 a second that takes 292 years.
    @inlinable
    static var closedBit: UInt64 { 1 << 63 }

    /// A slot is the sequence number, then the element at its own alignment.
    @inlinable
    static var elementOffset: Int { max(MemoryLayout<Atomic<UInt64>>.stride, MemoryLayout<Element>.alignment) }

    @inlinable
    static var slotStride: Int {
        let alignment = max(MemoryLayout<Atomic<UInt64>>.alignment, MemoryLayout<Element>.alignment)
        return (elementOffset + MemoryLayout<Element>.size + alignment - 1) & ~(alignment - 1)
    }

    /// The sequence number of a position's slot; any thread may use it.
    @inlinable
    @inline(__always)
    func sequence(at position: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (slots + Int(truncatingIfNeeded: position & mask) * Self.slotStride)
            .assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The element of a position's slot; sound only for the thread that has claimed the position.
    @inlinable
    @inline(__always)
    func element(at position: UInt64) -> UnsafeMutablePointer<Element> {
        unsafe (slots + Int(truncatingIfNeeded: position & mask) * Self.slotStride + Self.elementOffset)
            .assumingMemoryBound(to: Element.self)
    }

    /// The outcome of trying to own slots.
    @usableFromInline
    enum Claim {
        /// `count` (at least 1) slots from `position` on are the caller's.
        case claimed(position: UInt64, count: Int)
        /// The first slot is not ready: full for a producer, empty for a consumer.
        case none
        case closed
    }

    /// Producer: claims free slots at the tail.
    @inlinable
    func claimFree(upTo limit: Int) -> Claim {
        // Relaxed: only a guess, which the exchange below checks.
        var tail = unsafe producers.pointee.tail.load(ordering: .relaxed)
        while true {
            if tail & Self.closedBit != 0 { return .closed }
            var count = 0
            // Acquire: the slot was emptied; pairs with the release in `pop` and `drain`. A free slot stays free until
            // its position is claimed, so what is counted here still holds when the exchange succeeds.
            while unsafe count < limit
                && sequence(at: tail &+ UInt64(count)).pointee.load(ordering: .acquiring) == tail &+ UInt64(count)
            {
                count += 1
            }
            if count == 0 {
                let newest = unsafe producers.pointee.tail.load(ordering: .relaxed)
                if newest == tail {
                    noteBacklog(capacity)
                    return .none
                }
                tail = newest
                continue
            }
            // Relaxed: the sequence numbers carry the order of the slots.
            let (exchanged, original) = unsafe producers.pointee.tail.weakCompareExchange(
                expected: tail,
                desired: tail &+ UInt64(count),
                ordering: .relaxed
            )
            if exchanged {
                // Relaxed: an older head makes the backlog look greater, never beyond the capacity that held.
                let head = unsafe consumers.pointee.head.load(ordering: .relaxed)
                noteBacklog(min(capacity, Int(truncatingIfNeeded: tail &+ UInt64(count) &- head)))
                return .claimed(position: tail, count: count)
            }
            tail = original
        }
    }

    /// Consumer: claims filled slots at the head.
    @inlinable
    func claimFilled(upTo limit: Int) -> Claim {
        // Relaxed: only a guess, which the exchange below checks.
        var head = unsafe consumers.pointee.head.load(ordering: .relaxed)
        while true {
            var count = 0
            // Acquire: the slot's content; pairs with the release in `push`.
            while unsafe count < limit
                && sequence(at: head &+ UInt64(count)).pointee.load(ordering: .acquiring) == head &+ UInt64(count) &+ 1
            {
                count += 1
            }
            if count == 0 {
                let newest = unsafe consumers.pointee.head.load(ordering: .relaxed)
                if newest == head {
                    // Closed only if no claimed position is still to be filled. Acquire: pairs with `close`.
                    let tail = unsafe producers.pointee.tail.load(ordering: .acquiring)
                    return tail == head | Self.closedBit ? .closed : .none
                }
                head = newest
                continue
            }
            // Release: for `statistics`, that the tail it reads next is no older than this head.
            let (exchanged, original) = unsafe consumers.pointee.head.weakCompareExchange(
                expected: head,
                desired: head &+ UInt64(count),
                successOrdering: .releasing,
                failureOrdering: .relaxed
            )
            if exchanged { return .claimed(position: head, count: count) }
            head = original
        }
    }

    /// Raises the high-water mark; after the ring has once been as full, this is one load.
    @inlinable
    @inline(__always)
    func noteBacklog(_ backlog: Int) {
        if unsafe backlog > producers.pointee.highWater.load(ordering: .relaxed) {
            unsafe producers.pointee.highWater.max(backlog, ordering: .relaxed)
        }
    }
}
