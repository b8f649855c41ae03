/// A bounded queue that hands work from threads that must not block to threads that may sleep: a
/// ``BoundedMPMCRing`` and a ``Doorbell``.
///
/// Any number of threads push and pop. Pushing never blocks; a consumer that finds nothing sleeps at no cost until
/// something is pushed or the queue is closed. Meant for batches: an element costs a push, a pop, and at worst a wake-up
/// of the other CPU (about 50 µs).
public final class HandoffQueue<Element: ~Copyable & Sendable>: Sendable {
    private let ring: BoundedMPMCRing<Element>
    private let doorbell = Doorbell()

    /// Makes an empty queue with at least `capacity` places (rounded up to a power of two, at least 2).
    public init(capacity: Int) {
        ring = BoundedMPMCRing(capacity: capacity)
    }

    /// The number of places: a power of two.
    public var capacity: Int { ring.capacity }

    /// Offers one element and wakes a sleeping consumer if it was taken. Never blocks.
    public func push(_ element: consuming Element) -> PushResult<Element> {
        let result = ring.push(element)
        if result.isPushed { doorbell.ring() }
        return result
    }

    /// Takes the oldest element if there is one. Never blocks.
    public func pop() -> PopResult<Element> {
        ring.pop()
    }

    /// Takes the oldest element, and while there is none sleeps for at most `limit`.
    ///
    /// - Returns: An item; `.empty` if none came within the limit; `.closed` as soon as the queue is closed and drained.
    public func pop(waitingUpTo limit: Duration) -> PopResult<Element> {
        let found: PopResult<Element>? = doorbell.wait(upTo: limit) {
            let result = ring.pop()
            return result.isEmpty ? nil : consume result
        }
        return found ?? .empty
    }

    /// Ends the stream: later pushes are refused, pops hand out what is left and then say `.closed`, and all sleeping
    /// consumers wake. Any thread may call it, more than once.
    public func close() {
        ring.close()
        doorbell.ringAll()
    }

    /// The counters; any thread may ask.
    public var statistics: RingStatistics { ring.statistics }

    /// Consumers asleep, or about to be, at this moment; approximate.
    public var sleepingConsumers: Int { doorbell.waiters }
}
