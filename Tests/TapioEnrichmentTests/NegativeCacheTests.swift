import Glibc
import Synchronization
import TapioRings
import Testing

@testable import TapioEnrichment

@Suite("Negative cache", .serialized)
struct NegativeCacheTests {
    private static let second: UInt64 = 1_000_000_000

    @Test("what was inserted is there until its time is over or it is removed; each question is counted once")
    func life() {
        let cache = NegativeCache(timeToLive: .seconds(10), readers: 2)
        #expect(!cache.contains(42, reader: 0, nowNs: Self.second))
        cache.insert(42, nowNs: Self.second)
        cache.insert(43, nowNs: Self.second)
        #expect(cache.contains(42, reader: 0, nowNs: 2 * Self.second))
        #expect(cache.contains(43, reader: 1, nowNs: 2 * Self.second))
        #expect(!cache.contains(44, reader: 1, nowNs: 2 * Self.second))
        #expect(cache.remove(43))
        #expect(!cache.contains(43, reader: 0, nowNs: 2 * Self.second))
        #expect(!cache.contains(42, reader: 0, nowNs: 12 * Self.second))
        let statistics = cache.statistics
        #expect(statistics.hits == 2 && statistics.expired == 1 && statistics.removals == 1)
        #expect(statistics.filtered + statistics.falsePositives == 3 && statistics.falsePositives >= 1)
        #expect(statistics.insertions == 2 && statistics.evictions == 0)
    }

    @Test("it is bounded; the filter is made anew as it fills, and lets few through for ever")
    func bound() {
        let cache = NegativeCache(capacity: 1000, timeToLive: .seconds(3600), readers: 1)
        for key in 0..<UInt64(50_000) { cache.insert(key, nowNs: Self.second) }
        let there = (0..<UInt64(50_000)).count { cache.contains($0, reader: 0, nowNs: Self.second) }
        #expect(there <= 1000 && there >= 900)
        let before = cache.statistics
        #expect(before.rebuilds >= 20 && before.evictions > 45_000)
        for key in 0..<UInt64(100_000) { _ = cache.contains(1 << 40 + key, reader: 0, nowNs: Self.second) }
        let after = cache.statistics
        #expect(after.falsePositives - before.falsePositives <= 200)
        #expect(after.filtered - before.filtered >= 99_800)
    }

    @Test("the filter is made anew when its time is over: keys that are over go, those that count stay")
    func rotation() {
        let cache = NegativeCache(capacity: 1000, timeToLive: .seconds(10), readers: 1)
        for key in 0..<UInt64(100) { cache.insert(key, nowNs: 100 * Self.second) }
        for key in 100..<UInt64(200) { cache.insert(key, nowNs: 109 * Self.second) }
        #expect(cache.statistics.rebuilds == 0)
        cache.insert(200, nowNs: 111 * Self.second)
        #expect(cache.statistics.rebuilds == 1)
        let before = cache.statistics
        #expect((100...200).allSatisfy { cache.contains($0, reader: 0, nowNs: 111 * Self.second) })
        #expect(!(0..<100).contains { cache.contains($0, reader: 0, nowNs: 111 * Self.second) })
        // The keys that were over are not in the filter any more.
        #expect(cache.statistics.filtered - before.filtered >= 98)
    }

    @Test("threads that ask while one writes: what is always there is found but for moments, what never is never")
    func threads() throws {
        let cache = NegativeCache(capacity: 700, timeToLive: .seconds(3600), readers: 2)
        let isDone = Atomic<Bool>(false)
        let wrong = Atomic<Int>(0)
        let missed = Atomic<Int>(0)
        let found = Atomic<Int>(0)
        for key in 0..<UInt64(20) { cache.insert(key, nowNs: Self.second) }
        let threads = try (0..<2).map { reader in
            try PinnedThread(name: "asker-\(reader)") {
                var key: UInt64 = 0
                while !isDone.load(ordering: .relaxed) {
                    key = (key + 7) % 20
                    let isThere = cache.contains(key, reader: reader, nowNs: Self.second)
                    if isThere { found.add(1, ordering: .relaxed) } else { missed.add(1, ordering: .relaxed) }
                    if cache.contains(1 << 50 + key, reader: reader, nowNs: Self.second) {
                        wrong.add(1, ordering: .relaxed)
                    }
                    if key == 0 { sched_yield() }
                }
            }
        }
        var write: UInt64 = 0
        while write < 100_000 || found.load(ordering: .relaxed) < 10_000 {
            let key = 1000 + write % 301
            if write % 3 == 2 { cache.remove(key) } else { cache.insert(key, nowNs: Self.second) }
            write += 1
        }
        isDone.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(cache.statistics.rebuilds > 10)
        let (there, gone) = (found.load(ordering: .relaxed), missed.load(ordering: .relaxed))
        #expect(there >= 10_000 && gone <= there / 10, "\(gone) of \(there)")
        #expect((0..<20).allSatisfy { cache.contains($0, reader: 0, nowNs: Self.second) })
    }
}
