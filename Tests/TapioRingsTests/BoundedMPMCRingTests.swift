import Synchronization
import TapioRings
import Testing

/// How many threads on each side, and how many slots between them.
struct Arrangement: Sendable, CustomTestStringConvertible {
    var threads: Int
    var capacity: Int

    static let all = [1, 2, 4].flatMap { threads in
        [2, 8, 1024, 131_072].map { Arrangement(threads: threads, capacity: $0) }
    }

    /// Four million in all; in a small ring threads spend their time giving way, the more so where nothing is optimised.
    var itemsPerProducer: Int {
        itemCount(release: 4_000_000, debug: capacity >= 1024 ? 120_000 : 24_000) / threads
    }

    var testDescription: String { "\(threads)P\(threads)C, \(capacity) slots" }
}

@Suite("BoundedMPMCRing", .serialized)
struct BoundedMPMCRingTests {
    @Test("threads lose, duplicate and reorder nothing", arguments: Arrangement.all)
    func stress(arrangement: Arrangement) throws {
        let ring = BoundedMPMCRing<Item>(capacity: arrangement.capacity)
        let count = arrangement.itemsPerProducer
        let result = try balance(
            producers: arrangement.threads,
            consumers: arrangement.threads,
            perProducer: count,
            produce: { producer in
                send(count, from: producer, one: { ring.push($0) }, batch: { ring.push(contentsOf: $0) })
            },
            finish: { ring.close() },
            consume: { take in
                receive(one: { ring.pop() }, take: take, batch: { ring.drain(upTo: 61) { take($0) } })
            }
        )
        #expect(result == Balance())
        #expect(ring.statistics.pushed == UInt64(count * arrangement.threads))
        #expect(ring.statistics.popped == UInt64(count * arrangement.threads))
        #expect(ring.statistics.highWater <= ring.capacity)
    }

    @Test("a full ring says so, gives the element back and counts it")
    func full() {
        let ring = BoundedMPMCRing<Int>(capacity: 2)
        #expect(ring.push(0) == .pushed)
        #expect(ring.push(1) == .pushed)
        #expect(ring.push(2) == .full(2))
        #expect(ring.push(contentsOf: [3, 4].span) == .full(pushed: 0))
        #expect(ring.pop() == .item(0))
        #expect(ring.push(contentsOf: [5, 6].span) == .full(pushed: 1))
        let statistics = ring.statistics
        #expect(statistics.pushed == 3)
        #expect(statistics.popped == 1)
        #expect(statistics.refusedFull == 4)
        #expect(statistics.highWater == 2)
    }

    @Test("a closed ring refuses pushes, hands out what is left, then says closed")
    func close() {
        let ring = BoundedMPMCRing<Int>(capacity: 4)
        #expect(ring.pop() == .empty)
        _ = ring.push(contentsOf: [1, 2, 3].span)
        ring.close()
        ring.close()
        #expect(ring.push(4) == .closed(4))
        #expect(ring.push(contentsOf: [5, 6].span) == .closed)
        #expect(ring.pop() == .item(1))
        var got: [Int] = []
        #expect(ring.drain(upTo: 8) { got.append($0) } == .popped(2))
        #expect(got == [2, 3])
        #expect(ring.pop() == .closed)
        #expect(ring.statistics.refusedClosed == 3)
        #expect(ring.statistics.pushed == 3)
    }

    @Test("a close in the midst of pushes loses none that was taken")
    func racingClose() throws {
        for _ in 0..<itemCount(release: 2000, debug: 200) {
            let ring = BoundedMPMCRing<Int>(capacity: 1024)
            let taken = Atomic<Int>(0)
            let started = Atomic<Int>(0)
            let producers = try (0..<2).map { index in
                try PinnedThread(name: "closing-\(index)") {
                    started.add(1, ordering: .relaxed)
                    for number in 0..<512 {
                        guard ring.push(number).isPushed else { return }
                        taken.add(1, ordering: .relaxed)
                    }
                }
            }
            while started.load(ordering: .relaxed) == 0 { giveWay() }
            ring.close()
            var popped = 0
            receiving: while true {
                switch ring.pop() {
                case .item: popped += 1
                case .empty: giveWay()
                case .closed: break receiving
                }
            }
            for producer in producers { producer.join() }
            let takenNow = taken.load(ordering: .relaxed)
            #expect(popped == takenNow)
        }
    }

    @Test("batches wrap around at every offset", arguments: 0..<8)
    func wrapAround(offset: Int) {
        let ring = BoundedMPMCRing<Int>(capacity: 8)
        for number in 0..<offset {
            _ = ring.push(number)
            _ = ring.pop()
        }
        let batch = Array(100..<108)
        #expect(ring.push(contentsOf: batch.span) == .pushed)
        var got: [Int] = []
        _ = ring.drain(upTo: 8) { got.append($0) }
        #expect(got == batch)
    }

    @Test("what is left in a ring is released with it, once")
    func leftovers() {
        let life = LifeCounter()
        do {
            let ring = BoundedMPMCRing<Token>(capacity: 4)
            for number in 0..<3 { _ = ring.push(Token(number, life)) }
            if case .item(let token) = ring.pop() { #expect(token.number == 0) }
            _ = ring.push(contentsOf: [Token(3, life), Token(4, life), Token(5, life)].span)
            #expect(life.alive == 4)
        }
        #expect(life.madeCount == 6)
        #expect(life.alive == 0)
    }

    @Test("elements that cannot be copied pass through, and come back when refused")
    func noncopyable() {
        let life = LifeCounter()
        do {
            let ring = BoundedMPMCRing<UniqueToken>(capacity: 2)
            for number in 0..<2 {
                let isPushed = ring.push(UniqueToken(number, life)).isPushed
                #expect(isPushed)
            }
            switch ring.push(UniqueToken(7, life)) {
            case .full(let element):
                let number = element.token.number
                #expect(number == 7)
            case .pushed: Issue.record("there was no room")
            case .closed: Issue.record("nobody closed it")
            }
            _ = ring.drain(upTo: 1) { element in
                let number = element.token.number
                #expect(number == 0)
            }
            #expect(life.alive == 1)
        }
        #expect(life.alive == 0)
    }

    @Test("an element with a small or odd size keeps its neighbours whole")
    func oddElements() {
        struct Odd: Sendable, Equatable {
            var a: UInt16
            var b: UInt8
        }
        let ring = BoundedMPMCRing<Odd>(capacity: 8)
        for lap in 0..<3 {
            for index in 0..<8 { _ = ring.push(Odd(a: UInt16(index), b: UInt8(lap))) }
            for index in 0..<8 { #expect(ring.pop() == .item(Odd(a: UInt16(index), b: UInt8(lap)))) }
        }
        #expect(ring.pop() == .empty)
    }
}
