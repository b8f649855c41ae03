import Synchronization
import TapioRings
import Testing

/// How many threads steal, and how many slots they steal from.
struct Theft: Sendable, CustomTestStringConvertible {
    var thieves: Int
    var capacity: Int

    static let all = [1, 2, 4].flatMap { thieves in
        [2, 8, 1024, 131_072].map { Theft(thieves: thieves, capacity: $0) }
    }

    var testDescription: String { "\(thieves) thieves, \(capacity) slots" }
}

@Suite("WorkStealingDeque", .serialized)
struct WorkStealingDequeTests {
    /// An owner that pushes bursts, and after each takes back as many as its pattern says.
    ///
    /// - Returns: What was wrong with what the owner took back: it must be what it pushed last of what is left.
    private static func own(
        _ deque: WorkStealingDeque<Item>,
        count: Int,
        seen: CounterBlock,
        taken: inout Int
    ) -> Int {
        var random = Xorshift(seed: UInt64(deque.capacity))
        var patience = Patience()
        var wrong = 0
        var number = 0
        // What was pushed and not taken back, oldest first; thieves have a prefix of it.
        var pushed: [Int] = []
        while number < count || !pushed.isEmpty {
            let burst = min(count - number, Int(random.next() % 8))
            for _ in 0..<burst {
                guard deque.push(Item(producer: 0, number: number)).isPushed else {
                    patience.wait()
                    break
                }
                pushed.append(number)
                number += 1
            }
            var takes = number < count ? Int(random.next() % 8) : Int.max
            while takes > 0 {
                takes -= 1
                guard case .item(let item) = deque.popNewest() else {
                    // Thieves have them all.
                    pushed.removeAll(keepingCapacity: true)
                    break
                }
                if pushed.popLast() != item.number || !item.isWhole { wrong += 1 }
                seen.add(item.number)
                taken += 1
            }
        }
        return wrong
    }

    @Test("an owner and thieves lose, duplicate and reorder nothing", arguments: Theft.all)
    func stress(theft: Theft) throws {
        let deque = WorkStealingDeque<Item>(capacity: theft.capacity)
        let count = itemCount(release: theft.capacity >= 1024 ? 4_000_000 : 1_000_000, debug: 50_000)
        let seen = CounterBlock(count: count, layout: .packed)
        let receptions = BoundedMPMCRing<Reception>(capacity: theft.thieves)
        let thieves = try (0..<theft.thieves).map { index in
            try PinnedThread(name: "thief-\(index)") {
                var reception = Reception(producers: 1)
                var patience = Patience()
                stealing: while true {
                    switch deque.stealOldest() {
                    case .item(let item): reception.take(item, seen: seen, perProducer: count)
                    case .empty: patience.wait()
                    case .closed: break stealing
                    }
                }
                _ = receptions.push(reception)
            }
        }
        let ownersMistakes = Atomic<Int>(0)
        let ownersShare = Atomic<Int>(0)
        let owner = try PinnedThread(name: "owner") {
            var taken = 0
            ownersMistakes.store(Self.own(deque, count: count, seen: seen, taken: &taken), ordering: .relaxed)
            ownersShare.store(taken, ordering: .relaxed)
            deque.close()
        }
        for thread in [owner] + thieves { thread.join() }

        var stolen = 0
        while case .item(let reception) = receptions.pop() {
            #expect(reception.torn == 0)
            #expect(reception.outOfOrder == 0)
            stolen += reception.perProducer[0]
        }
        let taken = ownersShare.load(ordering: .relaxed)
        let mistakes = ownersMistakes.load(ordering: .relaxed)
        #expect(mistakes == 0, "the owner got something else than it had pushed last")
        let times = seen.values
        #expect(times.count { $0 == 0 } == 0, "lost")
        #expect(times.count { $0 > 1 } == 0, "duplicated")
        let statistics = deque.statistics
        #expect(statistics.pushed == UInt64(count))
        #expect(statistics.popped == UInt64(taken))
        #expect(statistics.stolen == UInt64(stolen))
        #expect(statistics.highWater <= deque.capacity)
        #expect(deque.count == 0)
    }

    @Test("thieves empty what an owner only pushes", arguments: [1, 2, 4])
    func thievesAlone(thieves: Int) throws {
        let deque = WorkStealingDeque<Item>(capacity: 64)
        let count = itemCount(release: 4_000_000, debug: 100_000)
        let result = try balance(
            producers: 1,
            consumers: thieves,
            perProducer: count,
            produce: { _ in
                var patience = Patience()
                for number in 0..<count {
                    while !deque.push(Item(producer: 0, number: number)).isPushed { patience.wait() }
                }
            },
            finish: { deque.close() },
            consume: { take in
                var patience = Patience()
                while true {
                    switch deque.stealOldest() {
                    case .item(let item): take(item)
                    case .empty: patience.wait()
                    case .closed: return
                    }
                }
            }
        )
        #expect(result == Balance())
        #expect(deque.statistics.stolen == UInt64(count))
    }

    @Test("the last element goes to the owner or to a thief, never to both or to none")
    func lastElement() throws {
        // One element at a time, so that every take is a race for the last one.
        let deque = WorkStealingDeque<Token>(capacity: 2)
        let life = LifeCounter()
        let count = itemCount(release: 1_000_000, debug: 50_000)
        let stolen = Atomic<Int>(0)
        let thief = try PinnedThread(name: "thief") {
            while true {
                switch deque.stealOldest() {
                case .item: stolen.add(1, ordering: .relaxed)
                case .empty: continue
                case .closed: return
                }
            }
        }
        var popped = 0
        for number in 0..<count {
            while !deque.push(Token(number, life)).isPushed { giveWay() }
            if case .item = deque.popNewest() { popped += 1 }
        }
        deque.close()
        thief.join()
        let stolenNow = stolen.load(ordering: .relaxed)
        #expect(popped + stolenNow == count)
        #expect(life.alive == 0)
    }

    @Test("does what a plain array does, at every fill and offset", arguments: 0..<8)
    func model(seed: Int) {
        var random = Xorshift(seed: UInt64(seed))
        let deque = WorkStealingDeque<Int>(capacity: 1 << (1 + seed % 4))
        var model: [Int] = []
        var expected = deque.statistics
        #expect(expected.pushed == 0)
        var isClosed = false
        for step in 0..<20_000 {
            if step == 19_000 {
                deque.close()
                isClosed = true
            }
            switch random.next() % 5 {
            case 0, 1:
                let result = deque.push(step)
                if isClosed {
                    #expect(result == .closed(step))
                    expected.refusedClosed += 1
                } else if model.count == deque.capacity {
                    #expect(result == .full(step))
                    expected.refusedFull += 1
                } else {
                    #expect(result == .pushed)
                    model.append(step)
                    expected.pushed += 1
                    expected.highWater = max(expected.highWater, model.count)
                }
            case 2:
                let result = deque.popNewest()
                if let newest = model.popLast() {
                    #expect(result == .item(newest))
                    expected.popped += 1
                } else {
                    #expect(result == (isClosed ? .closed : .empty))
                }
            case 3:
                let result = deque.stealOldest()
                if model.isEmpty {
                    #expect(result == (isClosed ? .closed : .empty))
                } else {
                    #expect(result == .item(model.removeFirst()))
                    expected.stolen += 1
                }
            default:
                #expect(deque.count == model.count)
            }
        }
        #expect(deque.statistics == expected)
    }

    @Test("a close in the midst of pushes loses none that was taken")
    func racingClose() throws {
        for _ in 0..<itemCount(release: 2000, debug: 200) {
            let deque = WorkStealingDeque<Int>(capacity: 1024)
            let taken = Atomic<Int>(0)
            let isStarted = Atomic<Bool>(false)
            let owner = try PinnedThread(name: "closing") {
                isStarted.store(true, ordering: .relaxed)
                for number in 0..<512 {
                    guard deque.push(number).isPushed else { return }
                    taken.add(1, ordering: .relaxed)
                }
            }
            while !isStarted.load(ordering: .relaxed) { giveWay() }
            deque.close()
            var stolen = 0
            stealing: while true {
                switch deque.stealOldest() {
                case .item: stolen += 1
                case .empty: giveWay()
                case .closed: break stealing
                }
            }
            owner.join()
            let takenNow = taken.load(ordering: .relaxed)
            #expect(stolen == takenNow)
        }
    }

    @Test("what is left in a deque is released with it, once")
    func leftovers() {
        let life = LifeCounter()
        do {
            let deque = WorkStealingDeque<Token>(capacity: 4)
            for number in 0..<4 { _ = deque.push(Token(number, life)) }
            if case .item(let token) = deque.stealOldest() { #expect(token.number == 0) }
            if case .item(let token) = deque.popNewest() { #expect(token.number == 3) }
            _ = deque.push(Token(4, life))
            #expect(life.alive == 3)
        }
        #expect(life.madeCount == 5)
        #expect(life.alive == 0)
    }

    @Test("elements that cannot be copied pass through, and come back when refused")
    func noncopyable() {
        let life = LifeCounter()
        do {
            let deque = WorkStealingDeque<UniqueToken>(capacity: 2)
            for number in 0..<2 {
                let isPushed = deque.push(UniqueToken(number, life)).isPushed
                #expect(isPushed)
            }
            switch deque.push(UniqueToken(7, life)) {
            case .full(let element):
                let number = element.token.number
                #expect(number == 7)
            case .pushed: Issue.record("there was no room")
            case .closed: Issue.record("nobody closed it")
            }
            #expect(life.alive == 2)
            deque.close()
            switch deque.push(UniqueToken(8, life)) {
            case .closed(let element):
                let number = element.token.number
                #expect(number == 8)
            case .pushed: Issue.record("it was closed")
            case .full: Issue.record("it was closed")
            }
        }
        #expect(life.alive == 0)
    }
}
