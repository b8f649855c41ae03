import Synchronization
import TapioRings

/// Keeps work to a share of a core: after each piece it rests as long as that takes. For one thread.
public final class CPUBudget: Sendable {
    private let share: Double
    private let lastNs: Mutex<UInt64>

    /// Longest rest at a time, nanoseconds: who waits for an end is not kept longer.
    private static let longestRestNs: UInt64 = 200_000_000

    /// Less is rested for later: not every small piece is worth a sleep.
    private static let leastUsedNs: UInt64 = 2_000_000

    /// A budget for the thread that makes it.
    ///
    /// - Parameter share: Of a core, above 0; 1 and more never rests.
    public init(share: Double) {
        self.share = max(0.01, share)
        lastNs = Mutex(MonotonicClock.threadCPUNs)
    }

    /// Rests for what the thread used since the last call.
    ///
    /// - Parameter isStopped: Asked between rests; true ends them.
    public func rest(unless isStopped: () -> Bool = { false }) { rest(at: share, unless: isStopped) }

    /// Rests for what the thread used since the last call, where the share may change from one call to the next.
    ///
    /// - Parameters:
    ///   - share: Of a core, at least 0.01; 1 and more does not rest.
    ///   - isStopped: Asked between rests; true ends them.
    public func rest(at share: Double, unless isStopped: () -> Bool) {
        let now = MonotonicClock.threadCPUNs
        let used = lastNs.withLock { last in
            let used = now &- min(now, last)
            guard used >= Self.leastUsedNs else { return UInt64(0) }
            last = now
            return used
        }
        guard share < 1 else { return }
        var left = UInt64(Double(used) * (1 / max(0.01, share) - 1))
        while left > 0, !isStopped() {
            let rest = min(left, Self.longestRestNs)
            MonotonicClock.sleep(nanoseconds: rest)
            left -= rest
        }
    }
}
