import Synchronization
public import TapioEvents

/// The last few events worth a look. Bounded: the oldest goes. Any thread may add.
public final class NotableEvents: Sendable {
    /// Events that are kept.
    public static let limit = 64

    private let kept = Mutex<[DecodedEvent]>([])

    /// None yet.
    public init() {}

    /// Adds an event.
    public func add(_ event: DecodedEvent) {
        kept.withLock { events in
            if events.count == NotableEvents.limit { events.removeFirst() }
            events.append(event)
        }
    }

    /// Oldest first.
    public var events: [DecodedEvent] { kept.withLock { $0 } }
}
