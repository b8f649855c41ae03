import Testing

@testable import TapioPipeline

@Suite struct DrainTimerTests {
    @Test("under load it stays at the drain interval")
    func load() {
        var timer = DrainTimer(drainIntervalNs: 1_000_000, idleIntervalNs: 100_000_000)
        for _ in 0..<5 { #expect(timer.next(records: 400, elapsedNs: 1_000_000) == 1_000_000) }
    }

    @Test("with nothing to do it doubles up to the idle interval")
    func idle() {
        var timer = DrainTimer(drainIntervalNs: 1_000_000, idleIntervalNs: 100_000_000)
        let intervals = (0..<9).map { _ in timer.next(records: 0, elapsedNs: 1_000_000) }
        #expect(intervals == [2, 4, 8, 16, 32, 64, 100, 100, 100].map { $0 * 1_000_000 })
    }

    @Test("a trickle keeps it long, a burst shortens it at once")
    func trickle() {
        var timer = DrainTimer(drainIntervalNs: 1_000_000, idleIntervalNs: 100_000_000)
        for _ in 0..<8 { _ = timer.next(records: 0, elapsedNs: 1_000_000) }
        #expect(timer.next(records: 10, elapsedNs: 100_000_000) == 100_000_000)
        #expect(timer.next(records: 640, elapsedNs: 100_000_000) == 20_000_000)
        #expect(timer.next(records: 100_000, elapsedNs: 10_000_000) == 1_000_000)
    }

    @Test("an idle interval below the drain interval is raised to it")
    func order() {
        var timer = DrainTimer(drainIntervalNs: 5_000_000, idleIntervalNs: 1_000_000)
        #expect(timer.next(records: 0, elapsedNs: 1) == 5_000_000)
    }
}
