import TapioCollectors
import Testing

@Suite("A collector's lifecycle")
struct CollectorLifecycleTests {
    private func backoff(first: Int64 = 10, greatest: Int64 = 100, spread: Double = 0) -> RestartBackoff {
        var backoff = RestartBackoff()
        backoff.firstNs = first
        backoff.greatestNs = greatest
        backoff.spread = spread
        return backoff
    }

    @Test("it starts when it is asked for, once")
    func starts() {
        var life = CollectorLifecycle(nowNs: 1)
        #expect(life.state == .disabled)
        #expect(life.enable(nowNs: 2) == .start)
        #expect(life.enable(nowNs: 3) == nil)
        #expect(life.started(nowNs: 4) == nil)
        #expect(life.state == .running)
        #expect(life.sinceNs == 4)
        #expect(life.nextTickNs == nil)
    }

    @Test("failures in a row wait longer and longer, up to a bound")
    func backsOff() {
        var life = CollectorLifecycle(nowNs: 0, backoff: backoff())
        #expect(life.enable(nowNs: 0) == .start)
        var now: Int64 = 0
        var delays: [Int64] = []
        for _ in 0..<6 {
            life.failed("no BTF", nowNs: now, chance: 0)
            let next = life.nextTickNs!
            delays.append(next - now)
            #expect(life.tick(nowNs: next - 1) == nil)
            #expect(life.tick(nowNs: next) == .start)
            now = next
        }
        #expect(delays == [10, 20, 40, 80, 100, 100])
        #expect(life.restarts == 6)
        #expect(life.lastError == "no BTF")
    }

    @Test("chance shortens a delay, never beyond its part")
    func jitter() {
        let backoff = backoff(first: 1000, greatest: 8000, spread: 0.25)
        #expect(backoff.delayNs(failures: 1, chance: 0) == 1000)
        #expect(backoff.delayNs(failures: 1, chance: 1) == 750)
        #expect(backoff.delayNs(failures: .max, chance: 1) == 6000)
        #expect(backoff.delayNs(failures: 0, chance: 0) == 1000)
    }

    @Test("having run for long, a failure is the first again")
    func forgets() {
        var life = CollectorLifecycle(nowNs: 0, backoff: backoff())
        _ = life.enable(nowNs: 0)
        life.failed("a", nowNs: 0, chance: 0)
        _ = life.tick(nowNs: 10)
        _ = life.started(nowNs: 10)
        life.failed("b", nowNs: 10 + 100, chance: 0)
        #expect(life.state == .failed(reason: "b", retryAtNs: 120))
    }

    @Test("disabled while it starts, it is stopped as soon as it has")
    func disabledWhileStarting() {
        var life = CollectorLifecycle(nowNs: 0)
        _ = life.enable(nowNs: 0)
        #expect(life.disable(nowNs: 1) == .stop)
        #expect(life.started(nowNs: 2) == .stop)
        life.failed("late", nowNs: 3, chance: 0)
        #expect(life.state == .disabled)
    }

    @Test("a failed one that is disabled does not come back")
    func disabledWhileFailed() {
        var life = CollectorLifecycle(nowNs: 0)
        _ = life.enable(nowNs: 0)
        life.failed("x", nowNs: 0, chance: 0)
        #expect(life.disable(nowNs: 1, finally: .stopped) == nil)
        #expect(life.state == .stopped)
        #expect(life.tick(nowNs: .max) == nil)
        #expect(life.enable(nowNs: 5) == .start)
    }
}
