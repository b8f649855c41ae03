import Synchronization
import Testing

@testable import TapioArchive

/// A thread whose time goes on only as a test says.
private final class TurnedThread: Sendable {
    private struct Time: Sendable {
        var cpuNs: UInt64 = 0
        var restedNs: UInt64 = 0
        var longestNs: UInt64 = 0
    }

    private let time = Mutex(Time())
    /// CPU that falling asleep and waking up costs, nanoseconds.
    let costNs: UInt64

    init(costNs: UInt64 = 0) {
        self.costNs = costNs
    }

    var meter: CPUMeter {
        CPUMeter(
            usedNs: { self.time.withLock { $0.cpuNs } },
            rest: { nanoseconds in
                self.time.withLock { time in
                    time.restedNs += nanoseconds
                    time.longestNs = max(time.longestNs, nanoseconds)
                    time.cpuNs += self.costNs
                }
            }
        )
    }

    func work(_ nanoseconds: UInt64) { time.withLock { $0.cpuNs += nanoseconds } }

    var cpuNs: UInt64 { time.withLock { $0.cpuNs } }
    var restedNs: UInt64 { time.withLock { $0.restedNs } }
    var longestRestNs: UInt64 { time.withLock { $0.longestNs } }
    /// Of a core, in nanoseconds: what it used of its time until now.
    func allowance(_ share: Double) -> Double { share * Double(cpuNs + restedNs) }
}

@Suite("A budget of CPU") struct CPUBudgetTests {
    @Test(
        "after each piece of work the thread has used its share, neither more nor less",
        arguments: [0.01, 0.05, 0.25, 0.5, 0.99]
    )
    func share(_ share: Double) {
        let thread = TurnedThread()
        let budget = CPUBudget(share: share, meter: thread.meter)
        var random = SeededGenerator(seed: 7)
        for piece in 1...2000 {
            thread.work(UInt64.random(in: 1000...(piece % 50 == 0 ? 300_000_000 : 3_000_000), using: &random))
            budget.rest()
            // What is not worth a rest yet may be owed, and a nanosecond of each rest.
            let owed = Double(thread.cpuNs) - thread.allowance(share)
            #expect(owed < Double(CPUBudget.leastUsedNs), "piece \(piece)")
            #expect(owed > -Double(piece), "piece \(piece)")
        }
        #expect(thread.longestRestNs <= CPUBudget.longestRestNs)
    }

    @Test("what the rests themselves cost is rested for with the next piece")
    func costOfRests() {
        let thread = TurnedThread(costNs: 40_000)
        let budget = CPUBudget(share: 0.05, meter: thread.meter)
        for piece in 1...500 {
            thread.work(20_000_000)
            budget.rest()
            // 380 ms and more in rests of 200 ms: a few of them.
            #expect(Double(thread.cpuNs) - thread.allowance(0.05) < 1_000_000, "piece \(piece)")
        }
    }

    @Test("the share may change between two pieces, and a whole core is never rested for")
    func changes() {
        let thread = TurnedThread()
        let budget = CPUBudget(share: 1, meter: thread.meter)
        thread.work(50_000_000)
        budget.rest()
        #expect(thread.restedNs == 0)
        // What was used before is not rested for later.
        thread.work(10_000_000)
        budget.rest(at: 0.25) { false }
        #expect(thread.restedNs == 30_000_000)
        thread.work(10_000_000)
        budget.rest(at: 0.5) { false }
        #expect(thread.restedNs == 40_000_000)
    }

    @Test("who waits for an end waits no longer than one rest")
    func stops() {
        let thread = TurnedThread()
        let budget = CPUBudget(share: 0.05, meter: thread.meter)
        thread.work(1_000_000_000)
        var asked = 0
        budget.rest {
            asked += 1
            return asked > 3
        }
        #expect(thread.restedNs == 3 * CPUBudget.longestRestNs)
    }
}
