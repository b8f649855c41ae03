import Synchronization

/// A lock-free stack of small numbers, last in first out (Treiber, "Systems programming: coping with parallelism",
/// 1986). Several stacks can share the links, as a number is in one of them at a time.
///
/// The head carries a tag that every change raises: a thread that was away between its look at the head and its exchange
/// does not take another stack with the same number on top for the one that it saw. The tag comes round after 2^44
/// changes, half a day of nothing but changes.
struct IndexStack: ~Copyable {
    /// More numbers than a stack can hold: they have 20 bits, of which one value says none.
    static let most = 1 << 20 - 1

    // Tag in the upper 44 bits, the top number plus 1 in the lower 20; 0 there: empty.
    private let head: Atomic<UInt64>

    /// An empty stack.
    init() {
        head = Atomic(0)
    }

    /// A stack of 0..<`count`, 0 on top; writes their links.
    init(filledTo count: Int, of slots: borrowing PoolSlots) {
        precondition(count <= Self.most)
        for index in 0..<count {
            slots.setLink(index, index + 1 < count ? UInt32(index + 2) : 0)
        }
        head = Atomic(count > 0 ? 1 : 0)
    }

    /// Puts a number on top that is the caller's alone.
    func push(_ index: UInt32, of slots: borrowing PoolSlots) {
        // Relaxed: only a guess, which the exchange checks.
        var seen = head.load(ordering: .relaxed)
        while true {
            slots.setLink(Int(index), Self.top(seen))
            // Release: the link, and what the caller did with the number; pairs with the acquires in `pop`. A later
            // exchange by another thread goes on with this release, being a read-modify-write.
            let (isDone, now) = head.weakCompareExchange(
                expected: seen,
                desired: Self.head(after: seen, top: index + 1),
                successOrdering: .releasing,
                failureOrdering: .relaxed
            )
            if isDone { return }
            seen = now
        }
    }

    /// Takes the top number, which is then the caller's alone; nil where there is none.
    func pop(of slots: borrowing PoolSlots) -> UInt32? {
        // Acquire: the link and what its pusher did; pairs with the release in `push`.
        var seen = head.load(ordering: .acquiring)
        while true {
            let top = Self.top(seen)
            guard top != 0 else { return nil }
            // Another thread may take the number meanwhile and link it elsewhere; then the tag has changed, and the
            // exchange fails.
            let below = slots.link(Int(top - 1))
            let (isDone, now) = head.weakCompareExchange(
                expected: seen,
                desired: Self.head(after: seen, top: below),
                successOrdering: .acquiring,
                failureOrdering: .acquiring
            )
            if isDone { return top - 1 }
            seen = now
        }
    }

    private static let topBits: UInt64 = 20

    private static func top(_ head: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: head & (1 << topBits - 1))
    }

    private static func head(after seen: UInt64, top: UInt32) -> UInt64 {
        (seen >> topBits &+ 1) << topBits | UInt64(top)
    }
}
