@testable import TapioRings
import Testing

@Suite("Benchmarks of rings and pool", .serialized)
struct RingsBenchmarkTests {
    @Test("every queue carries every item, in every arrangement, as often as asked")
    func rings() throws {
        var options = RingsBenchmark.Options()
        options.items = 20_000
        options.capacity = 64
        options.batches = [1, 7]
        options.rounds = 3
        // Sums are checked within: a lost item throws.
        let results = try RingsBenchmark(options).run()
        #expect(results.map(\.pairs) == [1, 1, 2, 2])
        #expect(results.map(\.batch) == [1, 7, 1, 7])
        for result in results {
            #expect(Set(result.nsPerItem.keys) == Set(RingsBenchmark.Queue.allCases))
            #expect(result.nsPerItem.values.allSatisfy { $0.count == 3 && $0.allSatisfy { $0 > 0 } })
        }
    }

    @Test("a run on a CPU that is not there is an error, with either side")
    func noSuchCPU() {
        var options = RingsBenchmark.Options()
        options.items = 1000
        options.cpus = [8000]
        #expect(throws: ThreadError.self) { try RingsBenchmark(options).run() }
    }

    @Test("ratios are those of neighbouring runs")
    func ratios() {
        let result = RingsBenchmark.Result(
            pairs: 1,
            batch: 1,
            cpus: [],
            nsPerItem: [.ring: [10, 20, 10], .lock: [50, 200, 70], .c: []]
        )
        #expect(result.median(.ring) == 10)
        #expect(result.speedup(over: .lock) == 7)
        #expect(result.speedup(over: .c) == 0)
    }

    @Test("the median of an even number is between the two in the middle")
    func median() {
        #expect(Median.of([]) == 0)
        #expect(Median.of([3]) == 3)
        #expect(Median.of([9, 1, 5]) == 5)
        #expect(Median.of([4, 1, 2, 9]) == 3)
    }

    @Test("two CPUs of different cores are chosen where there are some")
    func cores() throws {
        #expect(try RingsBenchmark.twoCores(RecordedMachine.hybrid.topology()) == [0, 2])
        #expect(try RingsBenchmark.twoCores(RecordedMachine.hybrid.topology(affinity: [2, 3])) == [2, 3])
        #expect(try RingsBenchmark.twoCores(RecordedMachine.hybrid.topology(affinity: [5])) == [5])
    }

    @Test("the pool is measured in every size, and all its buffers come back")
    func pool() throws {
        var options = PoolBenchmark.Options()
        options.takes = 2000
        options.threads = [1, 2]
        options.rounds = 2
        let results = try PoolBenchmark(options).run()
        #expect(results.map(\.byteCount) == [4 << 10, 64 << 10, 1 << 20].flatMap { Array(repeating: $0, count: 4) })
        #expect(results.allSatisfy { $0.poolNs.count == 2 && $0.mallocNs.count == 2 })
    }
}
