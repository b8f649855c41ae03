import TapioEvents
import Testing

@testable import TapioAgent

@Suite("What top knows")
struct TopDataTests {
    /// A reading of a second in which a kind had so many events since the agent's start.
    private func reading(_ counts: [String: UInt64], started: Int64 = 1, seconds: Double = 1) -> TopReading {
        var status = StatusReport()
        status.startedAt = started
        status.pid = 7
        for (kind, attempted) in counts.sorted(by: { $0.key < $1.key }) {
            var entry = LedgerEntry()
            entry.attempted = attempted
            entry.archived = attempted / 2
            status.ledger.append(
                .init(kind: kind, collector: "c", priority: "low", counts: entry, inFlight: 0, violations: [])
            )
        }
        status.collectors = [.init(name: "c", state: "running", since: 0)]
        var reading = TopReading(status: status)
        reading.seconds = seconds
        return reading
    }

    @Test("rates are differences over the time between two readings, and the busiest comes first")
    func rates() {
        var data = TopData()
        data.add(reading(["a": 1000, "b": 1000], seconds: 0))
        #expect(data.total.rates == nil, "one reading makes no rate")
        data.add(reading(["a": 1200, "b": 2000], seconds: 2))
        #expect(data.kinds.map(\.kind) == ["b", "a"])
        #expect(data.kinds.map { $0.rates?.seen } == [500, 100])
        #expect(data.kinds.map { $0.rates?.archived } == [250, 50])
        #expect(data.total.rates?.seen == 600)
        #expect(data.collectors.first?.sum.rates?.seen == 600)
        data.add(reading(["a": 1200, "b": 2000, "new": 30]))
        #expect(data.kinds.first { $0.kind == "new" }?.rates?.seen == 30, "what was not there had counted nothing")
    }

    @Test("an agent that was started again has no rates until its second reading, and no old rankings")
    func restart() {
        var data = TopData()
        data.add(reading(["a": 1_000_000], seconds: 0))
        var second = reading(["a": 1_000_100])
        second.processes.entries = [.init(name: "old", pid: 1, events: 5)]
        second.latencyP50Ns = 5
        data.add(second)
        #expect(data.ranking(\.processes).entries.count == 1)
        // Its counters begin anew, and one is even higher than before.
        data.add(reading(["a": 40, "b": 2_000_000], started: 99, seconds: 1))
        #expect(data.total.rates == nil && data.kinds.allSatisfy { $0.rates == nil })
        #expect(data.ranking(\.processes).entries.isEmpty)
        data.add(reading(["a": 60, "b": 2_000_000], started: 99))
        #expect(data.total.rates?.seen == 20)
    }

    @Test("a counter that runs backwards has no rate, the others have")
    func backwards() {
        var data = TopData()
        data.add(reading(["a": 100, "b": 100], seconds: 0))
        data.add(reading(["a": 50, "b": 150]))
        #expect(data.kinds.first { $0.kind == "a" }?.rates == nil)
        #expect(data.kinds.first { $0.kind == "b" }?.rates?.seen == 50)
        #expect(data.total.rates?.seen == 50)
    }

    @Test("the first reading of a new connection to the same agent makes no rate over an unknown time")
    func reconnected() {
        var data = TopData()
        data.add(reading(["a": 100], seconds: 0))
        data.add(reading(["a": 200]))
        data.add(reading(["a": 90_000], seconds: 0))
        #expect(data.total.rates == nil)
        data.add(reading(["a": 90_010]))
        #expect(data.total.rates?.seen == 10)
    }

    @Test("rankings are added up over the last seconds, with what an interval may have left out as the error")
    func rankings() {
        var data = TopData(rankedSeconds: 2)
        var first = reading([:])
        first.processes.entries = [.init(name: "gone", pid: 9, events: 999)]
        data.add(first)
        var second = reading([:])
        second.processes.entries = [.init(name: "a", pid: 1, events: 5), .init(name: "a", pid: 2, events: 4)]
        second.processes.unseen = 3
        data.add(second)
        var third = reading([:])
        third.processes.entries = [.init(name: "a", pid: 2, detail: "unit", events: 7, error: 1)]
        third.processes.unseen = 2
        data.add(third)
        let ranking = data.ranking(\.processes)
        #expect(data.rankedSeconds == 2)
        #expect(ranking.entries.map(\.pid) == [2, 1])
        #expect(ranking.entries.map(\.events) == [11, 5])
        #expect(ranking.entries.map(\.error) == [1, 2])
        #expect(ranking.entries[0].detail == "unit")
        #expect(ranking.unseen == 5)
        #expect(data.ranking(\.processes, limit: 1).entries.count == 1)
    }

    @Test("it keeps no more than it shows, however long it goes on")
    func bounded() {
        var data = TopData()
        for number in 0..<1000 {
            var next = reading(["a": UInt64(number)], seconds: 0.1)
            next.latencyP50Ns = UInt64(number)
            next.skipped = 2
            next.records = 3
            data.add(next)
        }
        #expect(data.p50.count == TopData.longestHistory && data.p50.last == 999)
        #expect(data.skipped == 2000 && data.looked == 3000)
        #expect(data.rankedSeconds < 1.5)
    }

    @Test("what is archived in bursts has a rate that does not jump")
    func archived() {
        var data = TopData()
        data.add(reading([:], seconds: 0))
        // A burst of 5,000 rows every 5 s.
        for second in 1...60 {
            data.add(reading(["a": UInt64(second / 5 * 10_000)]))
            guard second > 20 else { continue }
            #expect(data.kinds.first?.rates?.archived == 1000 && data.total.rates?.archived == 1000)
            #expect(data.collectors.first?.sum.rates?.archived == 1000)
        }
        // The same with intervals that are too short to be kept each.
        data = TopData()
        data.add(reading([:], seconds: 0))
        for tenth in 1...600 { data.add(reading(["a": UInt64(tenth / 50 * 10_000)], seconds: 0.1)) }
        let rate = data.kinds.first?.rates?.archived ?? 0
        #expect(rate > 600 && rate < 1400, "\(rate)")
    }

    @Test("a cache's hits are those of the interval, else of all time, else unknown")
    func caches() {
        func with(_ hits: UInt64, _ misses: UInt64) -> TopReading {
            var reading = reading([:])
            var cache = StatusReport.Cache(name: "names")
            cache.hits = hits
            cache.misses = misses
            reading.status.enrichment.caches = [cache]
            return reading
        }
        var data = TopData()
        data.add(with(0, 0))
        #expect(data.caches.first?.hitRatio == nil)
        data.add(with(75, 25))
        #expect(data.caches.first?.hitRatio == 0.75)
        data.add(with(85, 25))
        #expect(data.caches.first?.hitRatio == 1)
        data.add(with(85, 25))
        #expect(data.caches.first?.hitRatio == 85.0 / 110)
    }
}
