/// Somebody who looks at the records of an ``EventTap``: until ``cancel()``, or until it goes away.
public final class TapObservation: Sendable {
    private let tap: EventTap
    private let id: UInt64?
    private let skippedBefore: UInt64

    init(_ tap: EventTap, id: UInt64?, skippedBefore: UInt64) {
        self.tap = tap
        self.id = id
        self.skippedBefore = skippedBefore
    }

    deinit { cancel() }

    /// Ends it: the records cost nothing any more. May be called more than once.
    public func cancel() {
        if let id { tap.removeObserver(id) }
    }

    /// Records that it was not shown since it began, because the tap could not follow. The archive has them.
    public var skipped: UInt64 { tap.statistics.skipped &- skippedBefore }

    /// Whether the pipeline has stopped: nothing will follow.
    public var isOver: Bool { tap.isClosed }
}
