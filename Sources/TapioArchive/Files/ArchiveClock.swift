import Glibc

/// The two clocks that the archive reads; tests turn them by hand.
public protocol ArchiveClock: Sendable {
    /// Nanoseconds that never go back; for ages and pauses.
    func monotonicNs() -> Int64
    /// UTC nanoseconds since 1970; for reports.
    func utcNs() -> Int64
}

/// The machine's clocks.
public struct SystemArchiveClock: ArchiveClock {
    /// Makes the clock; it holds nothing.
    public init() {}

    /// CLOCK_MONOTONIC.
    public func monotonicNs() -> Int64 { Self.read(CLOCK_MONOTONIC) }

    /// CLOCK_REALTIME.
    public func utcNs() -> Int64 { Self.read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
