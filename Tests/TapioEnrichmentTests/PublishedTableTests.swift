import Glibc
import Synchronization
import TapioRings
import Testing

@testable import TapioEnrichment

@Suite("Tables that take another's place", .serialized)
struct PublishedTableTests {
    @Test("a table does what a dictionary does, for any keys", arguments: [0, 1, 2, 1000, 40_000])
    func table(count: Int) {
        var ids: [UInt64: UInt32] = [:]
        for index in 0..<count {
            let key = UInt64(index) &* (index % 2 == 0 ? 1 << 40 : 3)
            if key > 1 { ids[key] = UInt32(index) }
        }
        if count > 0 { ids[.max] = 7 }
        let table = LookupTable(ids)
        #expect(table.count == ids.count)
        #expect(ids.allSatisfy { table[$0.key] == $0.value })
        #expect((0..<10_000).allSatisfy { table[UInt64($0) &* 7919] == ids[UInt64($0) &* 7919] })
    }

    @Test("0 is a key like any other")
    func zero() {
        #expect(LookupTable([0: 9])[0] == 9)
        #expect(LookupTable.empty[0] == nil)
    }

    @Test("readers get the table that was published last; each keeps one old table at most")
    func publish() {
        let cell = PublishedTable(readers: 2)
        #expect(cell.lookUp(1, reader: 0) == nil)
        cell.publish(LookupTable([1: 10]))
        #expect(cell.lookUp(1, reader: 0) == 10 && cell.lookUp(1, reader: 1) == 10)
        for number in 11..<UInt32(100) { cell.publish(LookupTable([1: number])) }
        #expect(cell.retiredTables == 1)
        #expect(cell.lookUp(1, reader: 0) == 99 && cell.lookUp(2, reader: 1) == nil)
        cell.publish(.empty)
        cell.publish(.empty)
        #expect(cell.retiredTables <= 2)
        let statistics = cell.statistics
        #expect(statistics.hits == 3 && statistics.misses == 2 && statistics.publications == 92)
    }

    @Test("threads that ask while tables come and go find whole ones, and no older than before", arguments: [1, 3])
    func threads(readers: Int) throws {
        let cell = PublishedTable(readers: readers)
        let keys = 50
        func table(_ generation: UInt32) -> LookupTable {
            LookupTable(
                Dictionary(uniqueKeysWithValues: (0..<keys).map { (UInt64($0) << 32, generation << 8 | UInt32($0)) })
            )
        }
        cell.publish(table(0))
        let wrong = Atomic<Int>(0)
        let asked = Atomic<Int>(0)
        let isDone = Atomic<Bool>(false)
        let threads = try (0..<readers).map { reader in
            try PinnedThread(name: "asker-\(reader)") {
                var key = 0
                var newest: UInt32 = 0
                while !isDone.load(ordering: .relaxed) {
                    key = (key + 7) % keys
                    guard let id = cell.lookUp(UInt64(key) << 32, reader: reader), id & 0xFF == UInt32(key),
                        id >> 8 >= newest
                    else {
                        wrong.add(1, ordering: .relaxed)
                        continue
                    }
                    newest = id >> 8
                    asked.add(1, ordering: .relaxed)
                    if key == 0 { sched_yield() }
                }
            }
        }
        var generation: UInt32 = 0
        while generation < 5_000 || asked.load(ordering: .relaxed) < 10_000 {
            generation += 1
            cell.publish(table(generation % 0xFF_FFFF))
        }
        isDone.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(cell.retiredTables <= readers + 1)
    }

    @Test("keys of addresses that differ in a bit differ")
    func hash() {
        let hash = SecretHash()
        var keys: Set<UInt64> = []
        for bit in 0..<64 {
            keys.insert(hash(1 << UInt64(bit), 0, 0))
            keys.insert(hash(0, 1 << UInt64(bit), 0))
            keys.insert(hash(0, 0, 1 << UInt64(bit)))
        }
        for number in 0..<100_000 { keys.insert(hash(0, 0xFFFF << 48, UInt64(number) << 8 | 6)) }
        #expect(keys.count == 100_192)
        #expect(hash(1, 2, 3) == hash(1, 2, 3))
        #expect(SecretHash()(1, 2, 3) != hash(1, 2, 3))
    }
}
