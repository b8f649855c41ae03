import CTapioSystem
import Glibc
import Synchronization

/// The buffers of one size.
///
/// All of them lie in one piece of reserved addresses, which takes memory only where it was touched. A buffer is a slot
/// of it, and in one place at a time: lent, on the stack `warm` (its memory is there) or on `cold` (still to come).
@safe
final class TierPool: @unchecked Sendable {
    // Unchecked for the pointers alone: they never change; a slot's memory is touched by who took the slot, which the
    // release and acquire of the stacks hand over.

    /// What threads that take and give write, on a line of its own.
    private struct State: ~Copyable {
        /// Loans, those just being made, and the slot that a trim holds: never above the limit. Slots on the stacks are
        /// at least the limit less this, because whoever gives one back lowers it last.
        let claims = Atomic<Int>(0)
        let warm = IndexStack()
        let cold: IndexStack
        let highWater = Atomic<Int>(0)
        /// Slots whose memory is there.
        let resident = Atomic<Int>(0)
        let misses = Atomic<UInt64>(0)
        let refused = Atomic<UInt64>(0)
        let doubleReturns = Atomic<UInt64>(0)
        let foreignReturns = Atomic<UInt64>(0)
        let isTrimming = Atomic<Bool>(false)

        init(slots: borrowing PoolSlots) {
            cold = IndexStack(filledTo: slots.count, of: slots)
        }
    }

    let tier: PoolTier
    /// Whether the memory comes from the node that was asked for, as long as that has some.
    let isOnNode: Bool
    private let slots: PoolSlots
    private let state: UnsafeMutablePointer<State>
    /// nil where there are no slots.
    private let base: UnsafeMutableRawPointer?
    private let pageBytes = Int(getpagesize())

    init(_ tier: PoolTier, limit: Int, node: Int?) throws(BufferPoolError) {
        guard (0...IndexStack.most).contains(limit) else { throw BufferPoolError(tier: tier, reason: .limit(limit)) }
        self.tier = tier
        let slots = PoolSlots(count: limit)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: CacheLine.bytes, alignment: CacheLine.bytes)
        precondition(MemoryLayout<State>.size <= CacheLine.bytes)
        unsafe state = raw.bindMemory(to: State.self, capacity: 1)
        unsafe state.initialize(to: State(slots: slots))
        self.slots = slots
        (unsafe base, isOnNode) = unsafe try Self.reserve(tier, limit: limit, node: node)
    }

    deinit {
        // No call can be under way: it would hold a reference.
        let lent = (0..<slots.count).count { slots.isLent($0) }
        assert(lent == 0, "\(lent) buffers of \(tier) were not given back to their pool")
        // Whoever still holds one must not find its memory gone: then the addresses stay reserved.
        if lent == 0, let base = unsafe base { unsafe tapio_memory_release(base, slots.count * tier.byteCount) }
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Takes a slot: its number, its memory and the loan's generation.
    func take() -> (slot: UInt32, memory: UnsafeMutableRawPointer, generation: UInt64)? {
        guard let base = unsafe base, let claims = claim() else {
            unsafe state.pointee.refused.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        if unsafe claims > state.pointee.highWater.load(ordering: .relaxed) {
            unsafe state.pointee.highWater.max(claims, ordering: .relaxed)
        }
        // A slot is on one of the stacks. It can be missed only while other threads take and give, so that one of them
        // got on.
        while true {
            if let slot = unsafe state.pointee.warm.pop(of: slots) {
                return unsafe (slot, base + Int(slot) * tier.byteCount, slots.lend(Int(slot)))
            }
            if let slot = unsafe state.pointee.cold.pop(of: slots) {
                let memory = unsafe base + Int(slot) * tier.byteCount
                unsafe touch(memory)
                return unsafe (slot, memory, slots.lend(Int(slot)))
            }
        }
    }

    /// Gives a slot back, if the loan of this generation has not ended before.
    func giveBack(slot: UInt32, generation: UInt64) {
        guard slots.endLoan(Int(slot), generation: generation) else {
            unsafe state.pointee.doubleReturns.wrappingAdd(1, ordering: .relaxed)
            return assertionFailure("a buffer of \(tier) was given back twice")
        }
        unsafe state.pointee.warm.push(slot, of: slots)
        unclaim()
    }

    /// Counts a buffer that is not of this pool.
    func refuseForeign() {
        unsafe state.pointee.foreignReturns.wrappingAdd(1, ordering: .relaxed)
        assertionFailure("a buffer of \(tier) was given back to a pool that had not lent it")
    }

    /// Gives memory of idle slots to the kernel until `kept` have theirs. One trim at a time; others return at once.
    func trim(keepingIdle kept: Int) {
        // A buffer that shares its page with others cannot go alone.
        guard let base = unsafe base, tier.byteCount % pageBytes == 0 else { return }
        // Relaxed: decides who trims, and hands over nothing.
        guard unsafe !state.pointee.isTrimming.exchange(true, ordering: .relaxed) else { return }
        defer { unsafe state.pointee.isTrimming.store(false, ordering: .relaxed) }
        for _ in 0..<slots.count {
            guard
                unsafe state.pointee.resident.load(ordering: .relaxed)
                    - state.pointee.claims.load(ordering: .relaxed) > kept,
                claim() != nil
            else { return }
            defer { unclaim() }
            guard let slot = unsafe state.pointee.warm.pop(of: slots) else { return }
            guard unsafe tapio_memory_discard(base + Int(slot) * tier.byteCount, tier.byteCount) == 0 else {
                return unsafe state.pointee.warm.push(slot, of: slots)
            }
            unsafe state.pointee.resident.wrappingSubtract(1, ordering: .relaxed)
            unsafe state.pointee.cold.push(slot, of: slots)
        }
    }

    /// Buffers that are not lent; approximate. Relaxed: nothing is read on the strength of it.
    var free: Int { unsafe slots.count - state.pointee.claims.load(ordering: .relaxed) }

    var statistics: BufferPoolStatistics.Tier {
        // What failed to be there at once before all loans, so that it is never more.
        let misses = unsafe state.pointee.misses.load(ordering: .acquiring)
        let loans = (0..<slots.count).reduce(UInt64(0)) { $0 &+ slots.loans($1) }
        return unsafe BufferPoolStatistics.Tier(
            limit: slots.count,
            hits: loans - min(loans, misses),
            misses: misses,
            refused: state.pointee.refused.load(ordering: .relaxed),
            doubleReturns: state.pointee.doubleReturns.load(ordering: .relaxed),
            foreignReturns: state.pointee.foreignReturns.load(ordering: .relaxed),
            inUse: (0..<slots.count).count { slots.isLent($0) },
            highWater: state.pointee.highWater.load(ordering: .relaxed),
            residentBytes: state.pointee.resident.load(ordering: .relaxed) * tier.byteCount
        )
    }

    /// Secures the right to one slot, and says how many are claimed with it; nil where the limit is reached.
    private func claim() -> Int? {
        var claims = unsafe state.pointee.claims.load(ordering: .relaxed)
        while claims < slots.count {
            // Acquire: the slot is on a stack; pairs with the release in `unclaim`.
            let (isDone, now) = unsafe state.pointee.claims.weakCompareExchange(
                expected: claims,
                desired: claims + 1,
                successOrdering: .acquiring,
                failureOrdering: .relaxed
            )
            if isDone { return claims + 1 }
            claims = now
        }
        return nil
    }

    private func unclaim() {
        // Release: pairs with the acquire in `claim`.
        unsafe state.pointee.claims.wrappingSubtract(1, ordering: .releasing)
    }

    /// Makes the kernel provide a slot's memory here and now, on the node that the calling thread runs on unless the
    /// pool prefers another.
    private func touch(_ memory: UnsafeMutableRawPointer) {
        for offset in stride(from: 0, to: tier.byteCount, by: pageBytes) {
            unsafe memory.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
        }
        unsafe state.pointee.resident.wrappingAdd(1, ordering: .relaxed)
        unsafe state.pointee.misses.wrappingAdd(1, ordering: .relaxed)
    }

    private static func reserve(
        _ tier: PoolTier,
        limit: Int,
        node: Int?
    ) throws(BufferPoolError) -> (UnsafeMutableRawPointer?, isOnNode: Bool) {
        guard limit > 0 else { return (nil, false) }
        let bytes = limit * tier.byteCount
        let alignment = min(tier.byteCount, PoolTier.greatestAlignment)
        guard let base = unsafe tapio_memory_reserve(bytes, max(alignment, Int(getpagesize()))) else {
            throw BufferPoolError(tier: tier, reason: .reserve(bytes: bytes, errno: errno))
        }
        guard let node else { return unsafe (base, false) }
        let result = unsafe tapio_memory_prefer_node(base, bytes, Int32(clamping: node))
        guard result != -EINVAL else {
            unsafe tapio_memory_release(base, bytes)
            throw BufferPoolError(tier: tier, reason: .node(node))
        }
        // Where the process may not choose (containers often forbid it), first touch still does.
        return unsafe (base, result == 0)
    }
}
