public import Synchronization

// How the two ends learn of each other's progress. Everything here is called by the end that it names.
extension SPSCRing where Element: ~Copyable {
    /// The slot of a position. Sound for a position whose slot the caller's end owns.
    @inlinable
    @inline(__always)
    func slot(at position: UInt64) -> UnsafeMutablePointer<Element> {
        unsafe slots + Int(truncatingIfNeeded: position & mask)
    }

    /// Producer: how many slots from `tail` on are free, looking at the consumer's line only if the known ones are fewer
    /// than wanted.
    @inlinable
    @inline(__always)
    func freeSlots(at tail: UInt64, wanted: Int) -> Int {
        let known = unsafe capacity - Int(truncatingIfNeeded: tail &- producer.pointee.knownHead)
        if known >= wanted { return known }
        // Acquire: the consumer has moved these elements out; pairs with the release in `pop` and `drain`.
        let head = unsafe consumer.pointee.head.load(ordering: .acquiring)
        unsafe producer.pointee.knownHead = head
        return capacity - Int(truncatingIfNeeded: tail &- head)
    }

    /// Consumer: how many slots from `next` on are filled, looking at the producer's line only if the known ones are
    /// fewer than wanted.
    @inlinable
    @inline(__always)
    func filledSlots(wanted: Int) -> BatchPopResult {
        let next = unsafe consumer.pointee.next
        let known = unsafe Int(truncatingIfNeeded: consumer.pointee.knownTail &- next)
        if known >= wanted { return .popped(known) }
        // `isClosed` before `tail`: if closed is seen, then the tail read after it is the last one. Acquire: pairs with
        // the release in `close`.
        let isClosed = unsafe producer.pointee.isClosed.load(ordering: .acquiring)
        // Acquire: the content of the slots before it; pairs with the release in `push`.
        let tail = unsafe producer.pointee.tail.load(ordering: .acquiring)
        unsafe consumer.pointee.knownTail = tail
        let filled = Int(truncatingIfNeeded: tail &- next)
        if filled == 0 { return isClosed ? .closed : .empty }
        if unsafe filled > consumer.pointee.highWater.load(ordering: .relaxed) {
            unsafe consumer.pointee.highWater.store(filled, ordering: .relaxed)
        }
        return .popped(filled)
    }

    @inlinable
    func countRefusedFull(_ count: Int) {
        // Relaxed load and store instead of an atomic add: the producer is the only writer.
        let counted = unsafe producer.pointee.refusedFull.load(ordering: .relaxed)
        unsafe producer.pointee.refusedFull.store(counted &+ UInt64(count), ordering: .relaxed)
    }

    @inlinable
    func countRefusedClosed(_ count: Int) {
        let counted = unsafe producer.pointee.refusedClosed.load(ordering: .relaxed)
        unsafe producer.pointee.refusedClosed.store(counted &+ UInt64(count), ordering: .relaxed)
    }
}
