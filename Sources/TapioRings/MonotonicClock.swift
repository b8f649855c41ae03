import Glibc

/// The kernel's clocks in nanoseconds, and sleep. A reading costs about 25 ns (vDSO).
public enum MonotonicClock {
    /// Nanoseconds since boot, time in suspend included: the clock of the kernel's event timestamps
    /// (`bpf_ktime_get_boot_ns`).
    public static var bootTimeNs: UInt64 { read(CLOCK_BOOTTIME) }

    /// Nanoseconds since boot without time in suspend; never steps. For deadlines and durations.
    public static var monotonicNs: UInt64 { read(CLOCK_MONOTONIC) }

    /// Nanoseconds since 1970-01-01 UTC; steps when the clock is set.
    public static var realtimeNs: UInt64 { read(CLOCK_REALTIME) }

    /// Nanoseconds of CPU, user and kernel, that the calling thread has used.
    public static var threadCPUNs: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// Sleeps for at least so many nanoseconds, however often a signal interrupts.
    public static func sleep(nanoseconds: UInt64) {
        sleep(untilMonotonicNs: deadline(after: nanoseconds))
    }

    /// Sleeps until `monotonicNs` has reached the deadline. A loop that adds its period to the last deadline does not
    /// drift.
    public static func sleep(untilMonotonicNs deadline: UInt64) {
        let (seconds, rest) = deadline.quotientAndRemainder(dividingBy: 1_000_000_000)
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }

    /// The monotonic time so many nanoseconds from now; no later than a time that the kernel can represent.
    static func deadline(after nanoseconds: UInt64) -> UInt64 {
        let (sum, overflow) = monotonicNs.addingReportingOverflow(nanoseconds)
        return overflow ? UInt64(Int64.max) : min(sum, UInt64(Int64.max))
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        // Fails only for a clock that does not exist; those above do on every kernel that has BPF.
        let status = unsafe clock_gettime(clock, &time)
        precondition(status == 0, "clock_gettime(\(clock)) failed")
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
