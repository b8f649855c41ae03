import Synchronization
import TapioRings
import Testing

@Suite("HandoffQueue and Doorbell", .serialized)
struct HandoffQueueTests {
    @Test("a ping-pong between two threads loses no wake-up")
    func pingPong() throws {
        let pings = HandoffQueue<Int>(capacity: 2)
        let pongs = HandoffQueue<Int>(capacity: 2)
        let rounds = 100_000
        let echo = try PinnedThread(name: "echo") {
            while case .item(let ping) = pings.pop(waitingUpTo: .seconds(60)) {
                _ = pongs.push(ping)
            }
            pongs.close()
        }
        var answered = 0
        for round in 0..<rounds {
            #expect(pings.push(round).isPushed)
            // A lost wake-up shows as a wait that comes back empty.
            guard pongs.pop(waitingUpTo: .seconds(60)) == .item(round) else { break }
            answered += 1
        }
        pings.close()
        #expect(pongs.pop(waitingUpTo: .seconds(60)) == .closed)
        echo.join()
        #expect(answered == rounds)
    }

    @Test("sleeping consumers receive everything, once", arguments: [1, 2, 4])
    func manyConsumers(threads: Int) throws {
        let queue = HandoffQueue<Item>(capacity: 16)
        let count = itemCount(release: 400_000, debug: 40_000) / threads
        let result = try balance(
            producers: threads,
            consumers: threads,
            perProducer: count,
            produce: { producer in
                for number in 0..<count {
                    while !queue.push(Item(producer: producer, number: number)).isPushed { giveWay() }
                }
            },
            finish: { queue.close() },
            consume: { take in
                while case .item(let item) = queue.pop(waitingUpTo: .seconds(60)) { take(item) }
            }
        )
        #expect(result == Balance())
        #expect(queue.statistics.popped == UInt64(threads * count))
        #expect(queue.sleepingConsumers == 0)
    }

    @Test("short waits that race with pushes lose nothing")
    func shortWaits() throws {
        let queue = HandoffQueue<Int>(capacity: 1024)
        let count = itemCount(release: 20_000, debug: 4000)
        let received = Atomic<Int>(0)
        let consumers = try (0..<3).map { index in
            try PinnedThread(name: "impatient-\(index)") {
                while true {
                    switch queue.pop(waitingUpTo: .microseconds(1 + index * 20)) {
                    case .item: received.add(1, ordering: .relaxed)
                    case .empty: continue
                    case .closed: return
                    }
                }
            }
        }
        for number in 0..<count {
            while !queue.push(number).isPushed { giveWay() }
            if number % 16 == 0 { MonotonicClock.sleep(nanoseconds: 1000) }
        }
        queue.close()
        for consumer in consumers { consumer.join() }
        let receivedNow = received.load(ordering: .relaxed)
        #expect(receivedNow == count)
    }

    @Test("a close wakes all sleeping consumers")
    func closeWakes() throws {
        let queue = HandoffQueue<Int>(capacity: 2)
        let closed = Atomic<Int>(0)
        let consumers = try (0..<4).map { index in
            try PinnedThread(name: "sleeper-\(index)") {
                if queue.pop(waitingUpTo: .seconds(3600)) == .closed { closed.add(1, ordering: .relaxed) }
            }
        }
        while queue.sleepingConsumers < 4 { giveWay() }
        queue.close()
        for consumer in consumers { consumer.join() }
        let closedNow = closed.load(ordering: .relaxed)
        #expect(closedNow == 4)
        #expect(queue.push(1) == .closed(1))
    }

    @Test("an idle consumer uses next to no CPU, and its wait ends empty")
    func idle() throws {
        let queue = HandoffQueue<Int>(capacity: 2)
        let used = Atomic<UInt64>(0)
        let waited = Atomic<UInt64>(0)
        let endedEmpty = Atomic<Bool>(false)
        let consumer = try PinnedThread(name: "idle") {
            let (cpu, wall) = (MonotonicClock.threadCPUNs, MonotonicClock.monotonicNs)
            let result = queue.pop(waitingUpTo: .milliseconds(300))
            used.store(MonotonicClock.threadCPUNs - cpu, ordering: .relaxed)
            waited.store(MonotonicClock.monotonicNs - wall, ordering: .relaxed)
            endedEmpty.store(result == .empty, ordering: .relaxed)
        }
        consumer.join()
        let endedEmptyNow = endedEmpty.load(ordering: .relaxed)
        #expect(endedEmptyNow)
        let waitedNow = waited.load(ordering: .relaxed)
        #expect(waitedNow >= 300_000_000)
        let usedNow = used.load(ordering: .relaxed)
        let waitedFinally = waited.load(ordering: .relaxed)
        #expect(usedNow < waitedFinally / 5)
    }

    @Test("a full queue says so without blocking; waiting for nothing looks once")
    func bounds() {
        let queue = HandoffQueue<Int>(capacity: 2)
        #expect(queue.pop() == .empty)
        #expect(queue.pop(waitingUpTo: .zero) == .empty)
        #expect(queue.pop(waitingUpTo: .seconds(-1)) == .empty)
        _ = queue.push(1)
        _ = queue.push(2)
        #expect(queue.push(3) == .full(3))
        queue.close()
        #expect(queue.pop(waitingUpTo: .zero) == .item(1))
        #expect(queue.pop(waitingUpTo: .seconds(Int64.max)) == .item(2))
        #expect(queue.pop(waitingUpTo: .seconds(1)) == .closed)
    }

    @Test("what is left in a queue is released with it")
    func leftovers() {
        let life = LifeCounter()
        do {
            let queue = HandoffQueue<UniqueToken>(capacity: 4)
            for number in 0..<3 {
                let isPushed = queue.push(UniqueToken(number, life)).isPushed
                #expect(isPushed)
            }
        }
        #expect(life.alive == 0)
    }

    @Test("a ring between the last look and the sleep prevents the sleep")
    func ringBeforeSleep() {
        let doorbell = Doorbell()
        var looks = 0
        let found: Int? = doorbell.wait(upTo: .seconds(10)) {
            looks += 1
            if looks > 100 { return looks }
            // As if work came just after this look had found none.
            doorbell.ring()
            return nil
        }
        // A doorbell that went to sleep on it would come back with nothing, after the limit.
        #expect(found == 101)
    }

    @Test("a doorbell wakes as many as it is told, and the others sleep on")
    func ringSome() throws {
        let doorbell = Doorbell()
        let permits = Atomic<Int>(0)
        let passed = Atomic<Int>(0)
        let waiters = try (0..<3).map { index in
            try PinnedThread(name: "waiter-\(index)") {
                let got: Bool? = doorbell.wait(upTo: .seconds(3600)) {
                    var left = permits.load(ordering: .acquiring)
                    while left > 0 {
                        let (won, now) = permits.compareExchange(
                            expected: left,
                            desired: left - 1,
                            ordering: .acquiringAndReleasing
                        )
                        if won { return true }
                        left = now
                    }
                    return nil
                }
                if got == true { passed.add(1, ordering: .releasing) }
            }
        }
        while doorbell.sleeps < 3 { giveWay() }
        permits.store(2, ordering: .releasing)
        doorbell.ring(waking: 2)
        while passed.load(ordering: .acquiring) < 2 { giveWay() }
        let passedNow = passed.load(ordering: .acquiring)
        #expect(passedNow == 2)
        permits.store(1, ordering: .releasing)
        doorbell.ringAll()
        for waiter in waiters { waiter.join() }
        let passedFinally = passed.load(ordering: .acquiring)
        #expect(passedFinally == 3)
        #expect(doorbell.waiters == 0)
    }
}
