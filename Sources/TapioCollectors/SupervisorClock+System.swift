import Glibc

extension SupervisorClock {
    /// The machine's boot time and chance.
    public static let system = SupervisorClock(
        nowNs: {
            var time = timespec()
            unsafe clock_gettime(CLOCK_BOOTTIME, &time)
            return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        },
        sleep: { try await Task.sleep(nanoseconds: UInt64(max($0, 0))) },
        chance: { Double.random(in: 0...1) }
    )
}
