import Synchronization
import TapioRings

/// What a budget goes by: the CPU time of a thread, and its rests. Tests put in one that they turn by hand.
public struct CPUMeter: Sendable {
    /// Nanoseconds of CPU, user and kernel, that the calling thread has used; never less than before.
    public var usedNs: @Sendable () -> UInt64
    /// Rests for so many nanoseconds.
    public var rest: @Sendable (UInt64) -> Void

    /// A meter.
    public init(usedNs: @escaping @Sendable () -> UInt64, rest: @escaping @Sendable (UInt64) -> Void) {
        self.usedNs = usedNs
        self.rest = rest
    }

    /// The thread that calls, as the kernel counts.
    public static let thread = CPUMeter(
        usedNs: { MonotonicClock.threadCPUNs },
        rest: { MonotonicClock.sleep(nanoseconds: $0) }
    )
}

/// Keeps work to a share of a core: after each piece it rests as long as that takes. For one thread.
public final class CPUBudget: Sendable {
    private let share: Double
    private let meter: CPUMeter
    private let lastNs: Mutex<UInt64>

    /// Longest rest at a time, nanoseconds: who waits for an end is not kept longer.
    static let longestRestNs: UInt64 = 200_000_000

    /// Less is rested for later: not every small piece is worth a sleep.
    static let leastUsedNs: UInt64 = 2_000_000

    /// A budget for the thread that makes it.
    ///
    /// - Parameters:
    ///   - share: Of a core, above 0; 1 and more never rests.
    ///   - meter: What the thread has used, and how it rests.
    public init(share: Double, meter: CPUMeter = .thread) {
        self.share = max(0.01, share)
        self.meter = meter
        lastNs = Mutex(meter.usedNs())
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
        let now = meter.usedNs()
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
            meter.rest(rest)
            left -= rest
        }
    }
}
