import Glibc
import Synchronization
import TapioRings
import Testing

@testable import TapioEnrichment

@Suite("LookupCache", .serialized)
struct LookupCacheTests {
    private static let second: UInt64 = 1_000_000_000

    @Test("what was inserted is found until its time is over")
    func life() {
        let cache = LookupCache(timeToLive: .seconds(10), readers: 1)
        cache.insert(42, id: 7, nowNs: 100 * Self.second)
        #expect(cache.lookUp(42, reader: 0, nowNs: 100 * Self.second) == 7)
        #expect(cache.lookUp(42, reader: 0, nowNs: 109 * Self.second) == 7)
        #expect(cache.lookUp(42, reader: 0, nowNs: 111 * Self.second) == nil)
        #expect(cache.lookUp(43, reader: 0, nowNs: 100 * Self.second) == nil)
        cache.insert(42, id: 8, nowNs: 120 * Self.second)
        #expect(cache.lookUp(42, reader: 0, nowNs: 121 * Self.second) == 8)
        let statistics = cache.statistics
        #expect(statistics.hits == 3)
        #expect(statistics.misses == 1)
        #expect(statistics.expired == 1)
        #expect(statistics.insertions == 2)
        #expect(statistics.evictions == 0)
    }

    @Test("an entry can have a life of its own, and a reader is told whether one was there before")
    func ownLife() {
        let cache = LookupCache(timeToLive: .seconds(10), readers: 1)
        cache.insert(1, id: 11, nowNs: 100 * Self.second, lifeNs: 2 * Self.second)
        cache.insert(2, id: 12, nowNs: 100 * Self.second, lifeNs: 0)
        cache.insert(3, id: 13, nowNs: 100 * Self.second, lifeNs: .max)
        #expect(cache.find(1, reader: 0, nowNs: 101 * Self.second) == .found(11))
        #expect(cache.find(1, reader: 0, nowNs: 103 * Self.second) == .expired)
        #expect(cache.find(2, reader: 0, nowNs: 101 * Self.second) == .expired)
        #expect(cache.find(3, reader: 0, nowNs: 1_000_000 * Self.second) == .found(13))
        #expect(cache.find(4, reader: 0, nowNs: 101 * Self.second) == .unknown)
        var keys: Set<UInt64> = []
        cache.forEachKey(nowNs: 101 * Self.second) { keys.insert($0) }
        #expect(keys == [1, 3])
    }

    @Test("any key and any number can be remembered, zero and the greatest too")
    func extremes() {
        let cache = LookupCache(timeToLive: .seconds(10), readers: 1)
        #expect(cache.lookUp(0, reader: 0, nowNs: 0) == nil)
        for (key, id) in [(UInt64(0), UInt32(0)), (.max, .max), (1 << 63, 1)] {
            cache.insert(key, id: id, nowNs: 0)
            #expect(cache.lookUp(key, reader: 0, nowNs: 0) == id)
        }
        #expect(cache.statistics.misses == 1)
        #expect(cache.statistics.expired == 0)
    }

    @Test("what was removed is a miss, and its place is used again")
    func remove() {
        let cache = LookupCache(capacity: 7, timeToLive: .seconds(10), readers: 1)
        for key in 0..<7 { cache.insert(UInt64(key), id: UInt32(key), nowNs: Self.second) }
        #expect(cache.remove(3))
        #expect(!cache.remove(3))
        #expect(!cache.remove(99))
        #expect(cache.lookUp(3, reader: 0, nowNs: Self.second) == nil)
        cache.insert(50, id: 50, nowNs: Self.second)
        #expect(cache.statistics.evictions == 0)
        #expect(
            (0..<7).filter { cache.lookUp(UInt64($0), reader: 0, nowNs: Self.second) != nil } == [0, 1, 2, 4, 5, 6]
        )
    }

    @Test("a full set gives up what expires first, and an expired one before a live one")
    func eviction() {
        let cache = LookupCache(capacity: 7, timeToLive: .seconds(10), readers: 1)
        #expect(cache.capacity == 7)
        for key in 0..<7 { cache.insert(UInt64(key), id: UInt32(key), nowNs: (10 - UInt64(key)) * Self.second) }
        cache.insert(100, id: 100, nowNs: 11 * Self.second)
        // Key 6 was the oldest.
        #expect(cache.lookUp(6, reader: 0, nowNs: 11 * Self.second) == nil)
        #expect(cache.lookUp(5, reader: 0, nowNs: 11 * Self.second) == 5)
        #expect(cache.statistics.evictions == 1)
        // Key 5, of second 5, has expired by now: it makes room, and that is no eviction.
        cache.insert(101, id: 101, nowNs: 16 * Self.second)
        #expect(cache.statistics.evictions == 1)
        #expect(cache.lookUp(4, reader: 0, nowNs: 15 * Self.second) == 4)
    }

    @Test("it never holds more than its capacity, and most of what fits", arguments: [7, 100, 10_000])
    func bound(capacity: Int) {
        let cache = LookupCache(capacity: capacity, timeToLive: .seconds(10), readers: 1)
        #expect(cache.capacity <= capacity && cache.capacity > capacity - LookupCache.ways)
        let keys = (0..<UInt64(3 * capacity)).map { 5_000_000 + $0 * 3 }
        for key in keys { cache.insert(key, id: UInt32(truncatingIfNeeded: key), nowNs: Self.second) }
        let found = keys.filter { key in
            let id = cache.lookUp(key, reader: 0, nowNs: Self.second)
            if let id { #expect(id == UInt32(truncatingIfNeeded: key)) }
            return id != nil
        }
        #expect(found.count <= cache.capacity)
        // Three times as many keys as places: every set should be full or nearly so.
        #expect(found.count * 10 >= cache.capacity * 9)
        #expect(cache.statistics.evictions == UInt64(keys.count - found.count))
    }

    @Test("does what a dictionary does, as long as nothing has to make room")
    func model() {
        let cache = LookupCache(capacity: 70_000, timeToLive: .seconds(5), readers: 1)
        var model: [UInt64: (id: UInt32, until: UInt64)] = [:]
        var state: UInt64 = 88_172_645_463_325_252
        var now = Self.second
        for step in 0..<100_000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            let key = state >> 20 % 500
            now += state % 20_000_000
            switch state >> 50 % 4 {
            case 0:
                cache.insert(key, id: UInt32(step), nowNs: now)
                let ticks = now / LookupCache.tickNs + (5 * Self.second + LookupCache.tickNs - 1) / LookupCache.tickNs
                model[key] = (UInt32(step), ticks)
            case 1:
                #expect(cache.remove(key) == (model.removeValue(forKey: key) != nil))
            default:
                let expected = model[key].flatMap { now / LookupCache.tickNs < $0.until ? $0.id : nil }
                #expect(cache.lookUp(key, reader: 0, nowNs: now) == expected)
            }
        }
        #expect(cache.statistics.evictions == 0)
    }

    @Test("threads that read while one writes never get another key's number, nor parts of two", arguments: [1, 2, 4])
    func tornReads(readers: Int) throws {
        // Seven places for twenty keys, so that each is written over all the time. A number says which key it is of, and
        // repeats itself, so that a mixture shows.
        let cache = LookupCache(capacity: 7, timeToLive: .seconds(10), readers: readers)
        let wrong = Atomic<Int>(0)
        let isDone = Atomic<Bool>(false)
        let keys = 20
        let threads = try (0..<readers).map { reader in
            try PinnedThread(name: "asker-\(reader)") {
                var key: UInt64 = 0
                var asked = 0
                while !isDone.load(ordering: .relaxed) {
                    asked += 1
                    if asked % 4096 == 0 { sched_yield() }
                    key = (key + 7) % UInt64(keys)
                    guard let id = cache.lookUp(key, reader: reader, nowNs: Self.second) else { continue }
                    if UInt64(id >> 16) != key || UInt64(id & 0xFF) != key { wrong.add(1, ordering: .relaxed) }
                }
            }
        }
        var writes: UInt64 = 0
        while writes < 300_000 || cache.statistics.hits < 10_000 {
            let key = writes &* 2_654_435_761 % UInt64(keys)
            if writes % 5 == 4 {
                cache.remove(key)
            } else {
                cache.insert(key, id: UInt32(key << 16 | (writes % 251) << 8 | key), nowNs: Self.second)
            }
            writes += 1
        }
        isDone.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        let wrongNow = wrong.load(ordering: .relaxed)
        #expect(wrongNow == 0)
        #expect(cache.statistics.hits >= 10_000)
    }

    #if DEBUG
        @Test("a cache of nothing, and one without readers, are refused")
        func refused() async {
            await #expect(processExitsWith: .failure) {
                _ = LookupCache(capacity: 6, timeToLive: .seconds(1), readers: 1)
            }
            await #expect(processExitsWith: .failure) { _ = LookupCache(timeToLive: .zero, readers: 1) }
            await #expect(processExitsWith: .failure) { _ = LookupCache(timeToLive: .seconds(1), readers: 0) }
        }
    #endif

    @Test("the benchmark asks as often as it says, and mostly with success")
    func benchmark() {
        var options = CacheBenchmark.Options()
        options.lookUps = 100_000
        options.rounds = 2
        let result = CacheBenchmark(options).run()
        #expect(result.cacheNs.count == 2 && result.dictionaryNs.count == 2)
        #expect(result.tableNs.count == 2 && result.negativeNs.count == 2)
        #expect((result.tableNs + result.negativeNs).allSatisfy { $0 > 0 })
        #expect(result.cacheNs.allSatisfy { $0 > 0 })
        #expect(abs(result.hitShare - 0.95) < 0.02)
    }
}
