public import Synchronization

extension SPSCRing where Element: ~Copyable {
    /// Hands out up to `limit` elements, oldest first, and gives their slots back in one step after the last.
    /// Consumer only.
    ///
    /// - Parameters:
    ///   - limit: At least 1. The producer cannot reuse the slots before all have been handed out.
    ///   - body: Takes each element. It must not use the consumer's calls of this ring. If it throws, the element that it
    ///     was given is the last one taken.
    @inlinable
    public func drain<Failure: Error>(
        upTo limit: Int,
        _ body: (consuming Element) throws(Failure) -> Void
    ) throws(Failure) -> BatchPopResult {
        precondition(limit >= 1, "a batch has at least 1 element")
        unsafe consumer.pointee.caller.enter()
        defer { unsafe consumer.pointee.caller.leave() }
        let filled: Int
        switch filledSlots(wanted: limit) {
        case .empty: return .empty
        case .closed: return .closed
        case .popped(let known): filled = known
        }
        let count = min(limit, filled)
        // Local, and stored once: a store for each element would keep the loop from being unrolled.
        var position = unsafe consumer.pointee.next
        let end = position &+ UInt64(count)
        defer {
            unsafe consumer.pointee.next = position
            // Release: the moves out before the slots' return; pairs with the acquire in `freeSlots`.
            unsafe consumer.pointee.head.store(position, ordering: .releasing)
        }
        while position != end {
            let element = unsafe slot(at: position).move()
            position &+= 1
            try body(element)
        }
        return .popped(count)
    }
}

extension SPSCRing {
    /// Offers elements, oldest first; the ring takes as many as have free slots, and publishes them in one step.
    /// Producer only.
    @inlinable
    public func push(contentsOf elements: Span<Element>) -> BatchPushResult {
        unsafe producer.pointee.caller.enter()
        defer { unsafe producer.pointee.caller.leave() }
        guard !elements.isEmpty else { return .pushed }
        if unsafe producer.pointee.isClosed.load(ordering: .relaxed) {
            countRefusedClosed(elements.count)
            return .closed
        }
        let tail = unsafe producer.pointee.tail.load(ordering: .relaxed)
        let count = min(elements.count, freeSlots(at: tail, wanted: elements.count))
        let first = min(count, capacity - Int(truncatingIfNeeded: tail & mask))
        unsafe elements.withUnsafeBufferPointer { source in
            // Up to the end of the memory, then from its start. Sound: the slots are free and belong to the producer.
            guard let base = source.baseAddress else { return }
            unsafe slot(at: tail).initialize(from: base, count: first)
            unsafe slots.initialize(from: base + first, count: count - first)
        }
        // Release: pairs with the acquire in `filledSlots`.
        unsafe producer.pointee.tail.store(tail &+ UInt64(count), ordering: .releasing)
        guard count < elements.count else { return .pushed }
        countRefusedFull(elements.count - count)
        return .full(pushed: count)
    }
}
