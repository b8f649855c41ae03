import Glibc
import TapioRings

/// An item that says who sent it and as which.
struct Item: Sendable, Equatable {
    var producer: Int
    var number: Int
    /// Derived from the others: a torn item does not have it.
    var check: Int

    init(producer: Int, number: Int) {
        self.producer = producer
        self.number = number
        check = ~(producer &* 31 &+ number)
    }

    var isWhole: Bool { check == ~(producer &* 31 &+ number) }
}

/// How many items the tests send: millions in an optimised build (`make test-rings`), a quarter of that where each access is
/// watched (`make tsan`), fewer in others.
func itemCount(release: Int, debug: Int) -> Int {
    #if DEBUG
        debug
    #elseif THREAD_SANITIZER
        release / 4
    #else
        release
    #endif
}

/// What one consumer received, and what was wrong with it.
struct Reception: Sendable, Equatable {
    var torn = 0
    var outOfOrder = 0
    var perProducer: [Int]
    private var latest: [Int]

    init(producers: Int) {
        perProducer = Array(repeating: 0, count: producers)
        latest = Array(repeating: -1, count: producers)
    }

    mutating func take(_ item: Item, seen: CounterBlock, perProducer total: Int) {
        guard item.isWhole, (0..<latest.count).contains(item.producer), (0..<total).contains(item.number) else {
            torn += 1
            return
        }
        if item.number <= latest[item.producer] { outOfOrder += 1 }
        latest[item.producer] = item.number
        perProducer[item.producer] += 1
        seen.add(item.producer * total + item.number)
    }
}

/// What all consumers together received of what the producers sent.
struct Balance: Equatable, CustomStringConvertible {
    var lost = 0
    var duplicated = 0
    var torn = 0
    var outOfOrder = 0

    var description: String { "lost \(lost), duplicated \(duplicated), torn \(torn), out of order \(outOfOrder)" }
}

/// Runs producers and consumers on threads of their own until all are done, and says how it came out.
///
/// - Parameters:
///   - produce: Sends items 0..<`perProducer` of a producer.
///   - finish: Called when all producers are done.
///   - consume: Receives until the end, giving each item to its closure.
func balance(
    producers: Int,
    consumers: Int,
    perProducer: Int,
    produce: @escaping @Sendable (_ producer: Int) -> Void,
    finish: () -> Void,
    consume: @escaping @Sendable (_ take: (Item) -> Void) -> Void
) throws -> Balance {
    let seen = CounterBlock(count: producers * perProducer, layout: .packed)
    // Not a Mutex: the thread sanitizer does not see its lock.
    let receptions = BoundedMPMCRing<Reception>(capacity: consumers)
    let consumerThreads = try (0..<consumers).map { index in
        try PinnedThread(name: "consumer-\(index)") {
            var reception = Reception(producers: producers)
            consume { reception.take($0, seen: seen, perProducer: perProducer) }
            _ = receptions.push(reception)
        }
    }
    let producerThreads = try (0..<producers).map { index in
        try PinnedThread(name: "producer-\(index)") { produce(index) }
    }
    for thread in producerThreads { thread.join() }
    finish()
    for thread in consumerThreads { thread.join() }

    var balance = Balance()
    for index in 0..<seen.count {
        switch seen.load(index) {
        case 0: balance.lost += 1
        case let times: balance.duplicated += Int(times) - 1
        }
    }
    while case .item(let reception) = receptions.pop() {
        balance.torn += reception.torn
        balance.outOfOrder += reception.outOfOrder
    }
    return balance
}

/// Lets the other side of a full or empty ring run.
func giveWay() {
    sched_yield()
}

/// How a thread waits for the other side of a full or empty ring: it tries again for some time, in case the other runs
/// on another CPU, and then gives way.
struct Patience {
    private var tries = 0

    mutating func wait() {
        tries += 1
        if tries % 64 == 0 { giveWay() }
    }
}

/// Sends items 0..<`count` of a producer: a stretch one by one, the next in batches, and so on.
///
/// - Parameters:
///   - one: Offers an item.
///   - batch: Offers a batch.
func send(
    _ count: Int,
    from producer: Int,
    one: (Item) -> PushResult<Item>,
    batch: (Span<Item>) -> BatchPushResult
) {
    var items: [Item] = []
    var number = 0
    var patience = Patience()
    while number < count {
        let end = min(count, number + stretch)
        if number / stretch % 2 == producer % 2 {
            while number < end {
                if one(Item(producer: producer, number: number)).isPushed { number += 1 } else { patience.wait() }
            }
            continue
        }
        while number < end {
            // Sizes that do not divide the capacity, so that batches straddle the end of the memory.
            let size = min(end - number, 1 + number % 67)
            items.removeAll(keepingCapacity: true)
            for next in number..<number + size { items.append(Item(producer: producer, number: next)) }
            switch batch(items.span) {
            case .pushed: number += size
            case .full(let pushed):
                number += pushed
                patience.wait()
            case .closed: return
            }
        }
    }
}

/// Receives until the end: a stretch one by one, the next in batches, and so on.
///
/// - Parameters:
///   - one: Asks for an item.
///   - take: Gets each item that came alone.
///   - batch: Asks for some, and gives them to the same receiver.
func receive(one: () -> PopResult<Item>, take: (Item) -> Void, batch: () -> BatchPopResult) {
    var received = 0
    var patience = Patience()
    while true {
        if received / stretch % 2 == 0 {
            switch one() {
            case .item(let item):
                take(item)
                received += 1
            case .empty: patience.wait()
            case .closed: return
            }
        } else {
            switch batch() {
            case .popped(let count): received += count
            case .empty: patience.wait()
            case .closed: return
            }
        }
    }
}

private let stretch = 1000
