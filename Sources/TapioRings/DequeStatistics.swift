/// Counters of a ``WorkStealingDeque`` since it was made. They are never reset: take differences.
///
/// Read while threads work, the values are each exact but not of one instant; once all have stopped,
/// `pushed - popped - stolen` is what is left.
public struct DequeStatistics: Sendable, Equatable {
    /// Elements that the deque took from its owner.
    public var pushed: UInt64
    /// Elements that the owner took back.
    public var popped: UInt64
    /// Elements that thieves took.
    public var stolen: UInt64
    /// How often two threads wanted the same element and one of them had to look again, or found nothing more.
    public var lostRaces: UInt64
    /// Elements refused because no slot was free. An element that is offered again counts again.
    public var refusedFull: UInt64
    /// Elements refused because the deque was closed.
    public var refusedClosed: UInt64
    /// The greatest number of elements that the owner found in it after a push, at most the capacity.
    public var highWater: Int
    /// The number of slots.
    public var capacity: Int
}
