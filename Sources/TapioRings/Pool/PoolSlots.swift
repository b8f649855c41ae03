import Synchronization

/// What a ``TierPool`` notes of each of its buffers.
@safe
struct PoolSlots: ~Copyable {
    // The pointer never changes, and all it points to is atomic.
    private struct Slot: ~Copyable {
        /// How often it was lent and given back in all: odd while it is lent.
        let generation = Atomic<UInt64>(0)
        /// What lies below it on its stack.
        let link = Atomic<UInt32>(0)
    }

    private let slots: UnsafeMutablePointer<Slot>
    /// The number of buffers.
    let count: Int

    init(count: Int) {
        self.count = count
        unsafe slots = .allocate(capacity: count)
        for index in 0..<count { unsafe (slots + index).initialize(to: Slot()) }
    }

    deinit {
        unsafe slots.deinitialize(count: count)
        unsafe slots.deallocate()
    }

    // Relaxed: what orders links is the exchange of a stack's head.
    func link(_ index: Int) -> UInt32 {
        unsafe slot(index).pointee.link.load(ordering: .relaxed)
    }

    func setLink(_ index: Int, _ link: UInt32) {
        unsafe slot(index).pointee.link.store(link, ordering: .relaxed)
    }

    /// Notes that a slot is lent, by who took it from its stack; gives the loan's generation.
    func lend(_ index: Int) -> UInt64 {
        // Relaxed, and no exchange: who took the slot is alone with it. A return that names an earlier generation only
        // reads the word, as its exchange fails.
        let lent = unsafe slot(index).pointee.generation.load(ordering: .relaxed) &+ 1
        unsafe slot(index).pointee.generation.store(lent, ordering: .relaxed)
        return lent
    }

    /// Ends the loan of this generation; false where it has ended before. At most one caller is told true.
    func endLoan(_ index: Int, generation: UInt64) -> Bool {
        // Relaxed: decides who gives the slot back, and hands over nothing.
        unsafe slot(index).pointee.generation.compareExchange(
            expected: generation,
            desired: generation &+ 1,
            ordering: .relaxed
        ).exchanged
    }

    /// How often a slot was lent.
    func loans(_ index: Int) -> UInt64 {
        unsafe (slot(index).pointee.generation.load(ordering: .relaxed) &+ 1) / 2
    }

    /// Whether a slot is lent.
    func isLent(_ index: Int) -> Bool {
        unsafe slot(index).pointee.generation.load(ordering: .relaxed) & 1 == 1
    }

    private func slot(_ index: Int) -> UnsafeMutablePointer<Slot> {
        precondition(index >= 0 && index < count)
        return unsafe slots + index
    }
}
