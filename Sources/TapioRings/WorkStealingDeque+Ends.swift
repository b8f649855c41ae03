public import Synchronization

// The owner's end.
extension WorkStealingDeque where Element: ~Copyable {
    /// Offers one element at the new end. Owner only.
    ///
    /// - Returns: `.full` where all slots are taken, or where the thief of the oldest is still moving it out.
    @inlinable
    public func push(_ element: consuming Element) -> PushResult<Element> {
        unsafe owner.pointee.caller.enter()
        defer { unsafe owner.pointee.caller.leave() }
        // Relaxed: the owner itself wrote the position; a close that is missed here is met by the exchange below.
        let bottom = unsafe owner.pointee.bottom.load(ordering: .relaxed)
        guard bottom & Self.closedBit == 0 else {
            unsafe Self.count(owner.pointee.refusedClosed)
            return .closed(element)
        }
        // Acquire: the thief has moved out what was in the slot a lap ago; pairs with the release in `stealOldest`.
        guard unsafe nextPosition(at: bottom).pointee.load(ordering: .acquiring) == bottom else {
            unsafe Self.count(owner.pointee.refusedFull)
            return .full(element)
        }
        unsafe self.element(at: bottom).initialize(to: element)
        // Release: the content before the position; pairs with the acquire of T2. An exchange, so that nothing gets in
        // behind a close: only that can make it fail.
        let isIn = unsafe owner.pointee.bottom.compareExchange(
            expected: bottom,
            desired: bottom &+ 1,
            successOrdering: .releasing,
            failureOrdering: .relaxed
        ).exchanged
        guard isIn else {
            unsafe Self.count(owner.pointee.refusedClosed)
            return .closed(unsafe self.element(at: bottom).move())
        }
        unsafe Self.count(owner.pointee.pushed)
        // Relaxed: an older top makes the mark greater, never beyond the capacity, which held.
        let top = unsafe thieves.pointee.top.load(ordering: .relaxed)
        let held = min(capacity, Self.distance(from: top, to: bottom &+ 1))
        if unsafe held > owner.pointee.highWater.load(ordering: .relaxed) {
            unsafe owner.pointee.highWater.store(held, ordering: .relaxed)
        }
        return .pushed
    }

    /// Takes the newest element. Owner only.
    ///
    /// - Returns: `.closed` where the deque is closed and nothing is left that anybody else could still put in.
    @inlinable
    public func popNewest() -> PopResult<Element> {
        unsafe owner.pointee.caller.enter()
        defer { unsafe owner.pointee.caller.leave() }
        // An empty deque is left alone: thieves need not see `bottom` move. Relaxed: an older top only hides that it is
        // empty. Acquire of `bottom`: pairs with `close`.
        let seen = unsafe owner.pointee.bottom.load(ordering: .acquiring)
        guard unsafe Self.position(seen) != thieves.pointee.top.load(ordering: .relaxed) else {
            return seen & Self.closedBit == 0 ? .empty : .closed
        }
        // O1, see the class. The position is above `top`, so that the bit above it is left as it is.
        let lowered = unsafe owner.pointee.bottom.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        let position = Self.position(lowered)
        // O2.
        let top = unsafe thieves.pointee.top.load(ordering: .sequentiallyConsistent)
        let older = Self.distance(from: top, to: position)
        if older > 0 {
            // No thief can reach it. The slot's word already names this position, which is the next to be put in.
            unsafe Self.count(owner.pointee.popped)
            return .item(unsafe element(at: position).move())
        }
        // The last one, or none: settle it with the thieves, and put `bottom` back above the position.
        let isWon = older == 0 && winOldest(position)
        // Relaxed: no element is behind it.
        unsafe owner.pointee.bottom.wrappingAdd(1, ordering: .relaxed)
        guard isWon else { return lowered & Self.closedBit == 0 ? .empty : .closed }
        let element = unsafe element(at: position).move()
        // Relaxed: the owner alone reads it.
        unsafe nextPosition(at: position).pointee.store(position &+ UInt64(capacity), ordering: .relaxed)
        unsafe Self.count(owner.pointee.popped)
        return .item(element)
    }

    /// Raises one of the owner's counters: a load and a store, as nobody else writes it. Relaxed, as all counters.
    @inlinable
    @inline(__always)
    static func count(_ counter: borrowing Atomic<UInt64>) {
        counter.store(counter.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}

// The thieves' end.
extension WorkStealingDeque where Element: ~Copyable {
    /// Takes the oldest element. Any thread; looks again as often as another thread was faster.
    ///
    /// - Returns: `.closed` where the deque is closed and nothing is left.
    @inlinable
    public func stealOldest() -> PopResult<Element> {
        while true {
            // T1, T2, see the class. T2 also acquires the content; pairs with the release in `push`.
            let position = unsafe thieves.pointee.top.load(ordering: .sequentiallyConsistent)
            let bottom = unsafe owner.pointee.bottom.load(ordering: .sequentiallyConsistent)
            guard Self.distance(from: position, to: Self.position(bottom)) > 0 else {
                return bottom & Self.closedBit == 0 ? .empty : .closed
            }
            guard winOldest(position) else { continue }
            let element = unsafe element(at: position).move()
            // Release: the move out before the slot's next lap; pairs with the acquire in `push`.
            unsafe nextPosition(at: position).pointee.store(position &+ UInt64(capacity), ordering: .releasing)
            unsafe thieves.pointee.stolen.wrappingAdd(1, ordering: .relaxed)
            return .item(element)
        }
    }

    /// Makes the oldest element the caller's, unless somebody else was faster.
    @inlinable
    @inline(__always)
    func winOldest(_ position: UInt64) -> Bool {
        // T3, see the class.
        let isWon = unsafe thieves.pointee.top.compareExchange(
            expected: position,
            desired: position &+ 1,
            successOrdering: .sequentiallyConsistent,
            failureOrdering: .relaxed
        ).exchanged
        // Relaxed: a counter.
        if !isWon { unsafe thieves.pointee.lostRaces.wrappingAdd(1, ordering: .relaxed) }
        return isWon
    }
}
