@testable import TapioRings
import Testing

@Suite("MonotonicClock")
struct MonotonicClockTests {
    @Test("time does not go back, and boot time includes what monotonic time leaves out")
    func order() {
        let first = MonotonicClock.monotonicNs
        #expect(MonotonicClock.monotonicNs >= first)
        // Read in this order, boot time is the later reading as well.
        let monotonic = MonotonicClock.monotonicNs
        #expect(MonotonicClock.bootTimeNs >= monotonic)
        // 2020-01-01.
        #expect(MonotonicClock.realtimeNs > 1_577_836_800_000_000_000)
    }

    @Test("a sleep lasts at least as long as asked")
    func sleep() {
        let start = MonotonicClock.monotonicNs
        MonotonicClock.sleep(nanoseconds: 2_000_000)
        #expect(MonotonicClock.monotonicNs - start >= 2_000_000)
        MonotonicClock.sleep(untilMonotonicNs: start)
        MonotonicClock.sleep(nanoseconds: 0)
    }

    @Test("durations become nanoseconds within bounds")
    func durations() {
        #expect(Duration.milliseconds(3).wholeNanoseconds == 3_000_000)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1).wholeNanoseconds == 1)
        #expect(Duration.seconds(-1).wholeNanoseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(MonotonicClock.deadline(after: .max) == UInt64(Int64.max))
    }
}
