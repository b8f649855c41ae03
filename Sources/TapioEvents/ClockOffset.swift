import Glibc

/// What to add to boot time (CLOCK_BOOTTIME) to get UTC.
public struct ClockOffset: Sendable, Hashable {
    /// UTC minus boot time, nanoseconds.
    public var utcMinusBootNs: Int64

    /// A known offset.
    public init(utcMinusBootNs: Int64) {
        self.utcMinusBootNs = utcMinusBootNs
    }

    /// Measures the offset now: the narrowest of a few brackets of the real-time clock between two of the boot-time one.
    public static func measure() -> ClockOffset {
        var best = ClockOffset(utcMinusBootNs: 0)
        var narrowest = Int64.max
        for _ in 0..<8 {
            let before = nanoseconds(CLOCK_BOOTTIME)
            let utc = nanoseconds(CLOCK_REALTIME)
            let after = nanoseconds(CLOCK_BOOTTIME)
            if after - before < narrowest {
                narrowest = after - before
                best = ClockOffset(utcMinusBootNs: utc - (before + (after - before) / 2))
            }
        }
        return best
    }

    /// Boot time now, nanoseconds.
    public static func bootNow() -> Int64 { nanoseconds(CLOCK_BOOTTIME) }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Nanoseconds since 1970, UTC.
    @inlinable public func utcNanoseconds(boot: Int64) -> Int64 { boot &+ utcMinusBootNs }

    /// Microseconds since 1970, UTC, rounded down.
    @inlinable public func utcMicroseconds(boot: Int64) -> Int64 {
        let ns = utcNanoseconds(boot: boot)
        return (ns - subMicrosecondNs(boot: boot)) / 1000
    }

    /// The nanoseconds within the microsecond, 0 to 999.
    @inlinable public func subMicrosecondNs(boot: Int64) -> Int64 {
        let remainder = utcNanoseconds(boot: boot) % 1000
        return remainder < 0 ? remainder + 1000 : remainder
    }
}
