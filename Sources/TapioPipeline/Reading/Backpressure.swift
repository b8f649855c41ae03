/// What the reader does when the queue of sealed batches is full.
public enum Backpressure: Sendable, Hashable {
    /// Stop draining the lane. Its rings fill up and the kernel counts what no longer fits: the newest events are lost, none
    /// that was taken over is.
    case holdRings
    /// The same, and after so many nanoseconds of it the oldest sealed bulk batch is dropped and counted as shed: newer
    /// events, and urgent ones above all, get its place. Urgent batches are never shed.
    case shedOldestBulk(afterNs: UInt64)
}

/// Decides when pressure has lasted long enough to shed a batch. Knows no queue and no clock.
public struct PressureGauge: Sendable, Hashable {
    /// The policy in force.
    public var policy: Backpressure
    /// When pressure began; nil while there is none.
    public private(set) var since: UInt64?

    /// A gauge without pressure.
    public init(policy: Backpressure) {
        self.policy = policy
    }

    /// Whether to shed the oldest bulk batch now.
    ///
    /// - Parameters:
    ///   - urgentIsBlocked: An urgent batch finds no place. Once patience is over, each of them takes a bulk batch's place.
    ///   - bulkIsBlocked: A bulk batch finds no place. One is shed for each full span of patience.
    ///   - nowNs: Monotonic time.
    public mutating func mustShed(urgentIsBlocked: Bool, bulkIsBlocked: Bool, nowNs: UInt64) -> Bool {
        guard urgentIsBlocked || bulkIsBlocked else {
            since = nil
            return false
        }
        guard let since else {
            self.since = nowNs
            return false
        }
        guard case .shedOldestBulk(let patience) = policy, nowNs >= since, nowNs - since >= patience else {
            return false
        }
        if !urgentIsBlocked { self.since = nowNs }
        return true
    }
}
