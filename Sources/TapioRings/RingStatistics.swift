/// Counters of a ring since it was made. They are never reset: take differences.
///
/// Read while threads push and pop, the values are each exact but not of one instant; once all have stopped,
/// `pushed - popped` is what is left in the ring.
public struct RingStatistics: Sendable, Equatable {
    /// Elements that the ring took.
    public var pushed: UInt64
    /// Elements that the ring handed out.
    public var popped: UInt64
    /// Elements refused because no slot was free. An element that is offered again counts again.
    public var refusedFull: UInt64
    /// Elements refused because the ring was closed.
    public var refusedClosed: UInt64
    /// The greatest backlog seen, in elements, at most the capacity.
    public var highWater: Int
    /// The number of slots.
    public var capacity: Int

    /// Elements in the ring: at least 0 and at most the capacity, approximate while other threads work.
    public var backlog: Int {
        pushed <= popped ? 0 : min(capacity, Int(pushed - popped))
    }
}
