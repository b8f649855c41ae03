import Glibc
import Synchronization

/// Producers and consumers that start together, each pinned to a CPU, and the time that they take.
struct ThreadRace {
    /// Producers, and as many consumers.
    var pairs: Int
    /// Where they run, in turn: the producer and the consumer of a pair on neighbours. Empty: wherever the kernel puts
    /// them.
    var cpus: [Int]

    /// What a race came to.
    struct Outcome {
        /// From the common start until the last consumer was done.
        var durationNs: UInt64
        /// What the consumers returned, added up.
        var sum: UInt64
    }

    /// Runs a race.
    ///
    /// - Parameters:
    ///   - produce: Sends the items of a producer, by its number.
    ///   - finish: Called after the last producer.
    ///   - consume: Receives until the end.
    func run(
        produce: @escaping @Sendable (_ producer: Int) -> Void,
        finish: () -> Void,
        consume: @escaping @Sendable () -> UInt64
    ) throws(ThreadError) -> Outcome {
        let start = StartSignal()
        let sum = CounterBlock(count: 1)
        var producers: [PinnedThread] = []
        var consumers: [PinnedThread] = []
        do throws(ThreadError) {
            for pair in 0..<pairs {
                producers.append(
                    try PinnedThread(name: "bench-send-\(pair)", cpus: place(pair)) {
                        if start.wait() { produce(pair) }
                    }
                )
                consumers.append(
                    try PinnedThread(name: "bench-take-\(pair)", cpus: place(pair + 1)) {
                        if start.wait() { sum.add(0, consume()) }
                    }
                )
            }
        } catch {
            start.give(.off)
            for thread in producers + consumers { thread.join() }
            throw error
        }
        while start.waiting < 2 * pairs { sched_yield() }
        let from = MonotonicClock.monotonicNs
        start.give(.go)
        for thread in producers { thread.join() }
        finish()
        for thread in consumers { thread.join() }
        return Outcome(durationNs: MonotonicClock.monotonicNs - from, sum: sum.load(0))
    }

    private func place(_ index: Int) -> [Int]? {
        cpus.isEmpty ? nil : [cpus[index % cpus.count]]
    }
}

/// Lets threads start at the same moment. They spin: a wake-up takes longer than a short race.
private final class StartSignal: Sendable {
    enum Word: Int { case wait, go, off }

    private let word = Atomic<Int>(Word.wait.rawValue)
    private let arrived = Atomic<Int>(0)

    var waiting: Int { arrived.load(ordering: .relaxed) }

    func give(_ signal: Word) {
        // Release: what was prepared; pairs with the acquire in `wait`.
        word.store(signal.rawValue, ordering: .releasing)
    }

    /// Waits for the signal; false where the race is off.
    func wait() -> Bool {
        arrived.add(1, ordering: .relaxed)
        while true {
            switch Word(rawValue: word.load(ordering: .acquiring)) {
            case .go: return true
            case .off: return false
            case .wait, nil: sched_yield()
            }
        }
    }
}

/// How a thread waits for the other side of a full or empty ring: it tries again for some time before it gives way.
struct Retry {
    private var tries: UInt32 = 0

    @inline(__always)
    mutating func wait() {
        tries &+= 1
        if tries % 1024 == 0 { sched_yield() }
    }
}
