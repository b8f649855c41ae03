public import Synchronization

extension BoundedMPMCRing where Element: ~Copyable {
    /// Hands out up to `limit` neighbouring elements, oldest first, that were claimed in one step.
    ///
    /// - Parameters:
    ///   - limit: At least 1. The elements are the caller's from the claim on: a great limit starves other consumers.
    ///   - body: Takes each element. It may use the ring; the slots of the elements still to be handed out are occupied.
    @inlinable
    public func drain(upTo limit: Int, _ body: (consuming Element) -> Void) -> BatchPopResult {
        precondition(limit >= 1, "a batch has at least 1 element")
        switch claimFilled(upTo: limit) {
        case .none: return .empty
        case .closed: return .closed
        case .claimed(let first, let count):
            for position in first..<(first &+ UInt64(count)) {
                let element = unsafe self.element(at: position).move()
                // Release: pairs with the acquire in `claimFree`.
                unsafe sequence(at: position).pointee.store(position &+ UInt64(capacity), ordering: .releasing)
                body(element)
            }
            return .popped(count)
        }
    }
}

extension BoundedMPMCRing {
    /// Offers elements, oldest first; the ring takes as many as have free slots, as neighbours.
    @inlinable
    public func push(contentsOf elements: Span<Element>) -> BatchPushResult {
        guard !elements.isEmpty else { return .pushed }
        switch claimFree(upTo: elements.count) {
        case .none:
            unsafe producers.pointee.refusedFull.add(UInt64(elements.count), ordering: .relaxed)
            return .full(pushed: 0)
        case .closed:
            unsafe producers.pointee.refusedClosed.add(UInt64(elements.count), ordering: .relaxed)
            return .closed
        case .claimed(let first, let count):
            for index in 0..<count {
                let position = first &+ UInt64(index)
                unsafe element(at: position).initialize(to: elements[index])
                // Release: pairs with the acquire in `claimFilled`.
                unsafe sequence(at: position).pointee.store(position &+ 1, ordering: .releasing)
            }
            guard count < elements.count else { return .pushed }
            unsafe producers.pointee.refusedFull.add(UInt64(elements.count - count), ordering: .relaxed)
            return .full(pushed: count)
        }
    }
}
