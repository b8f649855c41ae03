/// How long the reader sleeps between two looks at the rings: as long as the rate of records allows.
///
/// It aims at ``target`` records for each drain, so that a steady trickle costs few wake-ups, within the two intervals. More
/// records than that shorten it at once; fewer let it at most double, so that a pause in a burst isn't taken for its end.
public struct DrainTimer: Sendable, Hashable {
    /// Nanoseconds between two drains under load.
    public var drainIntervalNs: UInt64
    /// Nanoseconds between two drains while nothing happens.
    public var idleIntervalNs: UInt64
    /// Records that make a drain worth its while.
    public static let target: UInt64 = 128

    private var interval: UInt64

    /// A timer that begins with the shorter interval.
    public init(drainIntervalNs: UInt64, idleIntervalNs: UInt64) {
        self.drainIntervalNs = drainIntervalNs
        self.idleIntervalNs = max(idleIntervalNs, drainIntervalNs)
        interval = drainIntervalNs
    }

    /// How long to sleep after a pass.
    ///
    /// - Parameters:
    ///   - records: What the pass found.
    ///   - elapsedNs: Time since the pass before it.
    public mutating func next(records: Int, elapsedNs: UInt64) -> UInt64 {
        let longest = min(max(interval, drainIntervalNs) * 2, idleIntervalNs)
        if records > 0 {
            let wanted = min(elapsedNs, idleIntervalNs) * DrainTimer.target / UInt64(records)
            interval = max(drainIntervalNs, min(wanted, longest))
        } else {
            interval = longest
        }
        return interval
    }
}
