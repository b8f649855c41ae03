import TapioRings
import Testing

@Suite("SPSCRing")
struct SPSCRingTests {
    @Test("two threads lose, duplicate and reorder nothing", arguments: [2, 8, 1024, 131_072])
    func stress(capacity: Int) throws {
        let ring = SPSCRing<Item>(capacity: capacity)
        let count = itemCount(release: 4_000_000, debug: capacity >= 1024 ? 200_000 : 50_000)
        let result = try balance(
            producers: 1,
            consumers: 1,
            perProducer: count,
            produce: { producer in
                send(count, from: producer, one: { ring.push($0) }, batch: { ring.push(contentsOf: $0) })
                ring.close()
            },
            finish: {},
            consume: { take in
                receive(one: { ring.pop() }, take: take, batch: { ring.drain(upTo: 61) { take($0) } })
            }
        )
        #expect(result == Balance())
        #expect(ring.statistics.pushed == UInt64(count))
        #expect(ring.statistics.popped == UInt64(count))
        #expect(ring.statistics.backlog == 0)
        #expect(ring.statistics.highWater <= capacity)
    }

    @Test("a capacity is rounded up to a power of two, at least 2", arguments: zip([1, 2, 3, 8, 9], [2, 2, 4, 8, 16]))
    func capacities(asked: Int, got: Int) {
        #expect(SPSCRing<Int>(capacity: asked).capacity == got)
    }

    @Test("a full ring says so, gives the element back and counts it")
    func full() {
        let ring = SPSCRing<Int>(capacity: 4)
        for number in 0..<4 { #expect(ring.push(number) == .pushed) }
        #expect(ring.push(4) == .full(4))
        #expect(ring.pop() == .item(0))
        #expect(ring.push(5) == .pushed)
        #expect(ring.push(6) == .full(6))
        let statistics = ring.statistics
        #expect(statistics.pushed == 5)
        #expect(statistics.popped == 1)
        #expect(statistics.refusedFull == 2)
        #expect(statistics.highWater == 4)
        #expect(statistics.backlog == 4)
    }

    @Test("a closed ring refuses pushes, hands out what is left, then says closed")
    func close() {
        let ring = SPSCRing<Int>(capacity: 4)
        #expect(ring.pop() == .empty)
        _ = ring.push(1)
        _ = ring.push(2)
        ring.close()
        ring.close()
        #expect(ring.push(3) == .closed(3))
        #expect(ring.push(contentsOf: [4, 5].span) == .closed)
        #expect(ring.pop() == .item(1))
        var got: [Int] = []
        #expect(ring.drain(upTo: 8) { got.append($0) } == .popped(1))
        #expect(got == [2])
        #expect(ring.pop() == .closed)
        #expect(ring.drain(upTo: 8) { _ in Issue.record("nothing was left") } == .closed)
        #expect(ring.statistics.refusedClosed == 3)
    }

    @Test("a batch is taken as far as it fits, and its rest is counted as refused")
    func partialBatch() {
        let ring = SPSCRing<Int>(capacity: 4)
        #expect(ring.push(contentsOf: [0, 1, 2].span) == .pushed)
        #expect(ring.push(contentsOf: [3, 4, 5].span) == .full(pushed: 1))
        #expect(ring.push(contentsOf: [6].span) == .full(pushed: 0))
        #expect(ring.push(contentsOf: [Int]().span) == .pushed)
        #expect(ring.statistics.refusedFull == 3)
        var got: [Int] = []
        #expect(ring.drain(upTo: 3) { got.append($0) } == .popped(3))
        #expect(ring.drain(upTo: 3) { got.append($0) } == .popped(1))
        #expect(ring.drain(upTo: 3) { got.append($0) } == .empty)
        #expect(got == [0, 1, 2, 3])
    }

    @Test("batches wrap around at every offset", arguments: 0..<8)
    func wrapAround(offset: Int) {
        let ring = SPSCRing<Int>(capacity: 8)
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
            let ring = SPSCRing<Token>(capacity: 4)
            for number in 0..<3 { _ = ring.push(Token(number, life)) }
            if case .item(let token) = ring.pop() { #expect(token.number == 0) }
            _ = ring.push(contentsOf: [Token(3, life), Token(4, life), Token(5, life)].span)
            #expect(life.alive == 4)
        }
        #expect(life.madeCount == 6)
        #expect(life.alive == 0)
    }

    @Test("a consumer that throws within a batch has taken what it was given, the rest stays")
    func throwingConsumer() {
        struct Stop: Error {}
        let life = LifeCounter()
        let ring = SPSCRing<Token>(capacity: 8)
        for number in 0..<5 { _ = ring.push(Token(number, life)) }
        #expect(throws: Stop.self) {
            try ring.drain(upTo: 5) { token throws(Stop) in
                if token.number == 1 { throw Stop() }
            }
        }
        #expect(life.alive == 3)
        #expect(ring.statistics.popped == 2)
        if case .item(let token) = ring.pop() { #expect(token.number == 2) }
    }

    @Test("elements that cannot be copied pass through, and come back when refused")
    func noncopyable() {
        let life = LifeCounter()
        do {
            let ring = SPSCRing<UniqueToken>(capacity: 2)
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
            #expect(life.alive == 2)
            _ = ring.drain(upTo: 1) { element in
                let number = element.token.number
                #expect(number == 0)
            }
            #expect(life.alive == 1)
        }
        #expect(life.alive == 0)
    }

    #if DEBUG
        @Test("debug builds trap on two overlapping calls of one end")
        func overlap() async {
            await #expect(processExitsWith: .failure) {
                let ring = SPSCRing<Int>(capacity: 2)
                _ = ring.push(1)
                _ = ring.drain(upTo: 1) { _ in _ = ring.pop() }
            }
        }
    #endif

    @Test("a ring of no slots is refused")
    func noSlots() async {
        await #expect(processExitsWith: .failure) { _ = SPSCRing<Int>(capacity: 0) }
    }
}
