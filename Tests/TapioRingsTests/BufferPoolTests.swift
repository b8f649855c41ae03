import CTapioSystem
import Glibc
import Synchronization
@testable import TapioRings
import Testing

@Suite("BufferPool", .serialized)
struct BufferPoolTests {
    @Test(
        "a buffer has its tier's size, is aligned, zeroed and can be written throughout",
        arguments: PoolTier.allCases
    )
    func buffer(tier: PoolTier) throws {
        let pool = try BufferPool(limits: .init(small: 3, medium: 3, large: 3))
        var buffers: [PoolBuffer] = []
        while let buffer = pool.take(tier) {
            #expect(buffer.byteCount == tier.byteCount)
            #expect(buffer.bytes.count == tier.byteCount)
            #expect(Int(bitPattern: buffer.base) % min(tier.byteCount, PoolTier.greatestAlignment) == 0)
            #expect(buffer.bytes.allSatisfy { $0 == 0 })
            buffer.bytes.initializeMemory(as: UInt8.self, repeating: UInt8(buffers.count + 1))
            buffers.append(buffer)
        }
        #expect(buffers.count == 3)
        for (index, buffer) in buffers.enumerated() {
            #expect(buffer.bytes.allSatisfy { $0 == UInt8(index + 1) })
            pool.giveBack(buffer)
        }
    }

    @Test("the limits hold, and what is beyond them is refused and counted")
    func limits() throws {
        let pool = try BufferPool(limits: .init(small: 2, large: 1))
        #expect(pool.limits.byteCount == 2 * 4096 + 1 << 20)
        let first = try #require(pool.take(.small))
        let second = try #require(pool.take(.small))
        #expect(pool.take(.small) == nil)
        #expect(pool.take(.medium) == nil)
        pool.giveBack(first)
        let third = try #require(pool.take(.small))
        #expect(third.base == first.base)
        var expected = BufferPoolStatistics.Tier.none(limit: 2)
        expected.hits = 1
        expected.misses = 2
        expected.refused = 1
        expected.inUse = 2
        expected.highWater = 2
        expected.residentBytes = 2 * 4096
        #expect(pool.statistics.small == expected)
        #expect(pool.statistics.medium.refused == 1)
        #expect(pool.statistics.large == .none(limit: 1))
        #expect(pool.statistics.residentBytes == 2 * 4096)
        pool.giveBack(second)
        pool.giveBack(third)
        #expect(pool.statistics.small.inUse == 0)
        #expect(pool.statistics.small.highWater == 2)
    }

    @Test("what was given back last is lent first, before memory that was never there")
    func lastInFirstOut() throws {
        let pool = try BufferPool(limits: .init(medium: 8))
        let buffers = (0..<4).compactMap { _ in pool.take(.medium) }
        for index in [2, 0, 3, 1] { pool.giveBack(buffers[index]) }
        let again = (0..<4).compactMap { _ in pool.take(.medium) }
        #expect(again.map(\.base) == [1, 3, 0, 2].map { buffers[$0].base })
        #expect(pool.statistics.medium.hits == 4)
        #expect(pool.statistics.medium.misses == 4)
        for buffer in again { pool.giveBack(buffer) }
    }

    @Test("a trim gives idle memory back, and only that; it is zero when it comes again")
    func trim() throws {
        let pool = try BufferPool(limits: .init(small: 16, large: 4))
        let held = try #require(pool.take(.large))
        let idle = (0..<3).compactMap { _ in pool.take(.large) }
        for buffer in [held] + idle { buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0xA5) }
        #expect(residentPages(of: idle) == 3 * 256)
        for buffer in idle { pool.giveBack(buffer) }

        pool.trim(keepingIdle: .init(large: 1))
        #expect(residentPages(of: idle) == 256)
        #expect(pool.statistics.large.residentBytes == 2 << 20)
        pool.trim()
        #expect(residentPages(of: idle) == 0)
        #expect(pool.statistics.large.residentBytes == 1 << 20)
        #expect(held.bytes.allSatisfy { $0 == 0xA5 })

        let again = (0..<3).compactMap { _ in pool.take(.large) }
        #expect(again.count == 3)
        #expect(again.allSatisfy { $0.bytes.allSatisfy { $0 == 0 } })
        #expect(pool.statistics.large.misses == 7)
        #expect(pool.statistics.large.hits == 0)
        #expect(pool.statistics.large.highWater == 4)
        for buffer in [held] + again { pool.giveBack(buffer) }
    }

    @Test("no buffer has two holders, and none is lost, whatever threads do", arguments: [1, 2, 4, 8])
    func stress(threads: Int) throws {
        // Fewer buffers than the threads want, so that they pass from hand to hand, and a trim meanwhile.
        let pool = try BufferPool(limits: .init(small: 5 * threads, medium: 3, large: 1))
        let rounds = itemCount(release: 1_000_000, debug: 40_000) / threads
        let mistakes = Atomic<Int>(0)
        let isDone = Atomic<Bool>(false)
        let workers = try (0..<threads).map { index in
            try PinnedThread(name: "borrower-\(index)") {
                mistakes.add(Self.borrow(from: pool, as: UInt64(index) + 1, rounds: rounds), ordering: .relaxed)
            }
        }
        let trimmer = try PinnedThread(name: "trimmer") {
            while !isDone.load(ordering: .acquiring) {
                pool.trim(keepingIdle: .init(small: 2))
                giveWay()
            }
        }
        for worker in workers { worker.join() }
        isDone.store(true, ordering: .releasing)
        trimmer.join()
        let mistakesNow = mistakes.load(ordering: .relaxed)
        #expect(mistakesNow == 0, "a buffer was not its holder's alone")
        pool.trim()
        for tier in PoolTier.allCases {
            let statistics = pool.statistics[tier]
            #expect(statistics.inUse == 0)
            #expect(statistics.residentBytes == 0)
            #expect(statistics.highWater <= statistics.limit)
            #expect(statistics.doubleReturns == 0)
            #expect(statistics.foreignReturns == 0)
            // None is lost: all can be lent again, each once.
            let all = (0..<statistics.limit).compactMap { _ in pool.take(tier) }
            #expect(Set(all.map(\.base)).count == statistics.limit)
            for buffer in all { pool.giveBack(buffer) }
        }
    }

    /// Takes, stamps, checks the stamps and gives back; says how many stamps were not its own.
    private static func borrow(from pool: BufferPool, as holder: UInt64, rounds: Int) -> Int {
        var random = Xorshift(seed: holder)
        var held: [(buffer: PoolBuffer, stamp: UInt64)] = []
        var mistakes = 0
        for round in 0..<rounds {
            if held.count < 8, random.next() % 2 == 0 {
                let tier = PoolTier.allCases[Int(random.next() % 8) / 3]
                guard let buffer = pool.take(tier) else { continue }
                let stamp = holder << 48 | UInt64(round)
                setStamp(buffer, stamp)
                held.append((buffer, stamp))
            } else if !held.isEmpty {
                let (buffer, stamp) = held.remove(at: Int(random.next()) % held.count)
                if !hasStamp(buffer, stamp) { mistakes += 1 }
                pool.giveBack(buffer)
            }
        }
        for (buffer, stamp) in held {
            if !hasStamp(buffer, stamp) { mistakes += 1 }
            pool.giveBack(buffer)
        }
        return mistakes
    }

    /// Writes the stamp at the start, in the midst and at the end. Plain memory, for a thread sanitizer to watch.
    private static func setStamp(_ buffer: PoolBuffer, _ stamp: UInt64) {
        for offset in [0, buffer.byteCount / 2, buffer.byteCount - 8] {
            buffer.base.storeBytes(of: stamp, toByteOffset: offset, as: UInt64.self)
        }
    }

    private static func hasStamp(_ buffer: PoolBuffer, _ stamp: UInt64) -> Bool {
        [0, buffer.byteCount / 2, buffer.byteCount - 8].allSatisfy {
            buffer.base.load(fromByteOffset: $0, as: UInt64.self) == stamp
        }
    }

    @Test("buffers go from thread to thread, and come back from another than took them")
    func handOver() throws {
        let pool = try BufferPool(limits: .init(small: 16))
        let ring = SPSCRing<PoolBuffer>(capacity: 8)
        let count = itemCount(release: 1_000_000, debug: 50_000)
        let wrong = Atomic<Int>(0)
        let consumer = try PinnedThread(name: "consumer") {
            var number: UInt64 = 0
            while true {
                switch ring.pop() {
                case .item(let buffer):
                    if !Self.hasStamp(buffer, number) { wrong.add(1, ordering: .relaxed) }
                    number += 1
                    pool.giveBack(buffer)
                case .empty: giveWay()
                case .closed: return
                }
            }
        }
        for number in 0..<count {
            var taken = pool.take(.small)
            while taken == nil {
                giveWay()
                taken = pool.take(.small)
            }
            guard let buffer = taken else { break }
            Self.setStamp(buffer, UInt64(number))
            while !ring.push(buffer).isPushed { giveWay() }
        }
        ring.close()
        consumer.join()
        let wrongNow = wrong.load(ordering: .relaxed)
        #expect(wrongNow == 0)
        #expect(pool.statistics.small.hits + pool.statistics.small.misses == UInt64(count))
        #expect(pool.statistics.small.inUse == 0)
    }

    @Test("memory lies on the node that was asked for")
    func node() throws {
        let pool = try BufferPool(limits: .init(small: 1, medium: 1, large: 1), node: 0)
        for tier in PoolTier.allCases {
            let buffer = try #require(pool.take(tier))
            if pool.isOnNode { #expect(tapio_memory_node(buffer.base) == 0) }
            pool.giveBack(buffer)
        }
        #expect(try !BufferPool(limits: .init(small: 1)).isOnNode)
    }

    @Test("impossible limits and nodes are named")
    func errors() {
        #expect(throws: BufferPoolError(tier: .medium, reason: .limit(-1))) {
            try BufferPool(limits: .init(medium: -1))
        }
        #expect(throws: BufferPoolError(tier: .large, reason: .limit(BufferPool.greatestLimit + 1))) {
            try BufferPool(limits: .init(large: BufferPool.greatestLimit + 1))
        }
        #expect(throws: BufferPoolError(tier: .small, reason: .node(5000))) {
            try BufferPool(limits: .init(small: 1), node: 5000)
        }
    }

    #if DEBUG
        @Test("debug builds trap when a buffer is given back twice")
        func doubleReturnTraps() async {
            await #expect(processExitsWith: .failure) {
                let pool = try BufferPool(limits: .init(small: 2))
                let buffer = try #require(pool.take(.small))
                pool.giveBack(buffer)
                pool.giveBack(buffer)
            }
        }

        @Test("debug builds trap when a buffer is given back that has a new holder")
        func staleReturnTraps() async {
            await #expect(processExitsWith: .failure) {
                let pool = try BufferPool(limits: .init(small: 1))
                let buffer = try #require(pool.take(.small))
                pool.giveBack(buffer)
                let again = try #require(pool.take(.small))
                pool.giveBack(buffer)
                pool.giveBack(again)
            }
        }

        @Test("debug builds trap when a buffer is given back to another pool")
        func foreignReturnTraps() async {
            await #expect(processExitsWith: .failure) {
                let lender = try BufferPool(limits: .init(small: 1))
                let other = try BufferPool(limits: .init(small: 1))
                other.giveBack(try #require(lender.take(.small)))
            }
        }

        @Test("debug builds trap when a pool goes while a buffer is lent")
        func leakTraps() async {
            await #expect(processExitsWith: .failure) {
                let pool = try BufferPool(limits: .init(small: 1))
                _ = pool.take(.small)
            }
        }

        @Test("what is used rightly does not trap")
        func noTrap() async {
            await #expect(processExitsWith: .success) {
                let pool = try BufferPool(limits: .init(small: 1))
                pool.giveBack(try #require(pool.take(.small)))
            }
        }
    #else
        @Test("a wrong return changes nothing but a counter")
        func wrongReturns() throws {
            let pool = try BufferPool(limits: .init(small: 1))
            let other = try BufferPool(limits: .init(small: 1))
            let first = try #require(pool.take(.small))
            pool.giveBack(first)
            pool.giveBack(first)
            let second = try #require(pool.take(.small))
            pool.giveBack(first)
            other.giveBack(second)
            #expect(pool.take(.small) == nil)
            #expect(pool.statistics.small.inUse == 1)
            #expect(pool.statistics.small.doubleReturns == 2)
            #expect(other.statistics.small.foreignReturns == 1)
            pool.giveBack(second)
            #expect(pool.statistics.small.inUse == 0)
        }

        @Test("threads that give the same buffer back at once do it once")
        func racingReturns() throws {
            let pool = try BufferPool(limits: .init(small: 2))
            for _ in 0..<2000 {
                let buffer = try #require(pool.take(.small))
                let threads = try (0..<2).map { index in
                    try PinnedThread(name: "returner-\(index)") { pool.giveBack(buffer) }
                }
                for thread in threads { thread.join() }
            }
            #expect(pool.statistics.small.doubleReturns == 2000)
            let all = (0..<2).compactMap { _ in pool.take(.small) }
            #expect(Set(all.map(\.base)).count == 2)
            for buffer in all { pool.giveBack(buffer) }
        }

        @Test("a lent buffer's memory outlives its pool")
        func leak() throws {
            var pool: BufferPool? = try BufferPool(limits: .init(small: 1))
            let buffer = try #require(pool?.take(.small))
            pool = nil
            Self.setStamp(buffer, 7)
            #expect(Self.hasStamp(buffer, 7))
        }
    #endif

    /// How many pages of these buffers are in memory.
    private func residentPages(of buffers: [PoolBuffer]) -> Int {
        buffers.reduce(0) { total, buffer in
            var pages = [UInt8](repeating: 0, count: buffer.byteCount / Int(getpagesize()))
            guard mincore(buffer.base, buffer.byteCount, &pages) == 0 else { return -1 }
            return total + pages.count { $0 & 1 == 1 }
        }
    }
}

extension BufferPoolStatistics.Tier {
    /// Of a pool that has done nothing yet.
    static func none(limit: Int) -> Self {
        var none = try! BufferPool(limits: .init()).statistics.small
        none.limit = limit
        return none
    }
}
