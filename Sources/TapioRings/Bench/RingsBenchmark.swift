import CTapioBench

/// What it takes to hand an item from thread to thread: our rings, the same rings in C, and a queue behind a lock.
///
/// All of them carry the same items in the same batches between threads that are pinned to the same CPUs, in turns, so that
/// what else the machine does meets all of them.
public struct RingsBenchmark: Sendable {
    /// What is measured.
    public struct Options: Sendable {
        /// Items of a run, in all.
        public var items = 4_000_000
        /// Slots of the ring, a power of two.
        public var capacity = 4096
        /// Sizes of batches, each 1 to 256; 1: one by one.
        public var batches = [1, 64]
        /// How often each is run.
        public var rounds = 5
        /// CPUs that the threads are pinned to, at least two for a figure that means something; nil: the first two of
        /// different cores that the process may run on.
        public var cpus: [Int]?

        /// The defaults.
        public init() {}
    }

    /// What carries the items.
    public enum Queue: String, Sendable, Codable, CodingKeyRepresentable, CaseIterable {
        /// ``SPSCRing`` or ``BoundedMPMCRing``.
        case ring
        /// The same, with the indices of both sides on one cache line.
        case unpadded
        /// The same, written in C, with both ends in C.
        case c
        /// An array behind a pthread mutex.
        case lock
    }

    /// The figures of one arrangement.
    public struct Result: Sendable, Codable {
        /// Producers, and as many consumers. With one, the ring is an ``SPSCRing``, else a ``BoundedMPMCRing``.
        public var pairs: Int
        /// Items of a batch.
        public var batch: Int
        /// CPUs of the threads.
        public var cpus: [Int]
        /// Wall-clock nanoseconds per item, of each run.
        public var nsPerItem: [Queue: [Double]]

        /// The median of the runs; 0 where there is none.
        public func median(_ queue: Queue) -> Double { Median.of(nsPerItem[queue] ?? []) }

        /// How many times as fast our ring is: the median of the rounds' ratios, as both were run right after each other.
        public func speedup(over queue: Queue) -> Double {
            Median.of(zip(nsPerItem[queue] ?? [], nsPerItem[.ring] ?? []).map { $0 / max($1, 1e-9) })
        }
    }

    private let options: Options

    /// A benchmark with these options.
    public init(_ options: Options = Options()) {
        self.options = options
    }

    /// Runs it. Threads that it pins keep their CPUs busy meanwhile.
    public func run() throws -> [Result] {
        let cpus = try options.cpus ?? Self.twoCores(CPUTopology.current())
        var results: [Result] = []
        for pairs in [1, 2] {
            for batch in options.batches {
                var result = Result(pairs: pairs, batch: batch, cpus: cpus, nsPerItem: [:])
                let race = ThreadRace(pairs: pairs, cpus: cpus)
                for _ in 0..<options.rounds {
                    for queue in Queue.allCases {
                        result.nsPerItem[queue, default: []].append(try measure(queue, race, batch: batch))
                    }
                }
                results.append(result)
            }
        }
        return results
    }

    /// Two CPUs of different cores if there are, else two, else one.
    static func twoCores(_ topology: CPUTopology) -> [Int] {
        let allowed = Set(topology.allowed)
        let firsts = topology.cores.compactMap { core in core.first { allowed.contains($0) } }
        return Array((firsts.count > 1 ? firsts : topology.allowed).prefix(2))
    }

    /// Nanoseconds per item of one run.
    private func measure(_ queue: Queue, _ race: ThreadRace, batch: Int) throws -> Double {
        let perProducer = options.items / race.pairs
        let outcome =
            switch (queue, race.pairs) {
            case (.ring, 1): try spsc(race, perProducer, batch, spacing: CacheLine.bytes)
            case (.unpadded, 1): try spsc(race, perProducer, batch, spacing: Self.unpadded)
            case (.ring, _): try mpmc(race, perProducer, batch, spacing: CacheLine.bytes)
            case (.unpadded, _): try mpmc(race, perProducer, batch, spacing: Self.unpadded)
            case (.c, _): try inC(race, perProducer, batch)
            case (.lock, _): try locked(race, perProducer, batch)
            }
        let items = UInt64(perProducer)
        let expected = UInt64(race.pairs) * items * (items - 1)
        guard outcome.sum == expected else {
            throw RingsBenchmarkError(queue: queue, sum: outcome.sum, expected: expected)
        }
        return Double(outcome.durationNs) / Double(perProducer * race.pairs)
    }

    /// The least that the two sides can be apart.
    private static let unpadded = 56

    private func spsc(
        _ race: ThreadRace,
        _ items: Int,
        _ batch: Int,
        spacing: Int
    ) throws(ThreadError) -> ThreadRace.Outcome {
        let ring = SPSCRing<BenchItem>(capacity: options.capacity, indexSpacing: spacing)
        return try race.run(
            produce: { _ in
                var retry = Retry()
                if batch == 1 {
                    for number in 0..<UInt64(items) {
                        while !ring.push(BenchItem(number)).isPushed { retry.wait() }
                    }
                } else {
                    Self.send(items, batch) { ring.push(contentsOf: $0).pushed(of: $0.count) }
                }
                ring.close()
            },
            finish: {},
            consume: {
                var retry = Retry()
                var sum: UInt64 = 0
                while true {
                    if batch == 1 {
                        switch ring.pop() {
                        case .item(let item): sum &+= item.sum
                        case .empty: retry.wait()
                        case .closed: return sum
                        }
                    } else {
                        switch ring.drain(upTo: batch, { sum &+= $0.sum }) {
                        case .popped: break
                        case .empty: retry.wait()
                        case .closed: return sum
                        }
                    }
                }
            }
        )
    }

    private func mpmc(
        _ race: ThreadRace,
        _ items: Int,
        _ batch: Int,
        spacing: Int
    ) throws(ThreadError) -> ThreadRace.Outcome {
        let ring = BoundedMPMCRing<BenchItem>(capacity: options.capacity, indexSpacing: spacing)
        return try race.run(
            produce: { _ in
                var retry = Retry()
                if batch == 1 {
                    for number in 0..<UInt64(items) {
                        while !ring.push(BenchItem(number)).isPushed { retry.wait() }
                    }
                } else {
                    Self.send(items, batch) { ring.push(contentsOf: $0).pushed(of: $0.count) }
                }
            },
            finish: { ring.close() },
            consume: {
                var retry = Retry()
                var sum: UInt64 = 0
                while true {
                    if batch == 1 {
                        switch ring.pop() {
                        case .item(let item): sum &+= item.sum
                        case .empty: retry.wait()
                        case .closed: return sum
                        }
                    } else {
                        switch ring.drain(upTo: batch, { sum &+= $0.sum }) {
                        case .popped: break
                        case .empty: retry.wait()
                        case .closed: return sum
                        }
                    }
                }
            }
        )
    }

    private func locked(_ race: ThreadRace, _ items: Int, _ batch: Int) throws(ThreadError) -> ThreadRace.Outcome {
        let queue = LockedQueue(capacity: options.capacity)
        return try race.run(
            produce: { _ in Self.send(items, batch) { queue.push(contentsOf: $0) } },
            finish: { queue.close() },
            consume: {
                var retry = Retry()
                var sum: UInt64 = 0
                while let taken = queue.drain(upTo: batch, { sum &+= $0.sum }) {
                    if taken == 0 { retry.wait() }
                }
                return sum
            }
        )
    }

    private func inC(_ race: ThreadRace, _ items: Int, _ batch: Int) throws -> ThreadRace.Outcome {
        let cpus = race.cpus.map(Int32.init)
        var outcome = tapio_bench_outcome()
        let status = unsafe cpus.withUnsafeBufferPointer { places in
            var order = unsafe tapio_bench_order(
                items_per_producer: UInt64(items),
                capacity: UInt32(options.capacity),
                batch: UInt32(batch),
                pairs: UInt32(race.pairs),
                cpu_count: UInt32(places.count),
                cpus: places.baseAddress
            )
            return unsafe race.pairs == 1 ? tapio_bench_spsc(&order, &outcome) : tapio_bench_mpmc(&order, &outcome)
        }
        guard status == 0 else { throw ThreadError(thread: "bench-c", step: .pin(cpus: race.cpus), errno: -status) }
        return ThreadRace.Outcome(durationNs: outcome.duration_ns, sum: outcome.sum)
    }

    /// Sends items in batches; `push` says how many it took.
    @inline(__always)
    private static func send(_ items: Int, _ batch: Int, _ push: (Span<BenchItem>) -> Int) {
        var retry = Retry()
        var buffer = Array(repeating: BenchItem(0), count: batch)
        var number = 0
        while number < items {
            let count = min(batch, items - number)
            var batch = buffer.mutableSpan
            for index in 0..<count { batch[index] = BenchItem(UInt64(number + index)) }
            var sent = 0
            while sent < count {
                let taken = push(buffer.span.extracting(sent..<count))
                sent += taken
                if taken == 0 { retry.wait() }
            }
            number += count
        }
    }
}

/// A queue lost or changed items.
public struct RingsBenchmarkError: Error, Sendable, CustomStringConvertible {
    /// Which.
    public let queue: RingsBenchmark.Queue
    /// What arrived, added up.
    public let sum: UInt64
    /// What was sent.
    public let expected: UInt64

    /// What, in one line.
    public var description: String { "\(queue.rawValue) delivered items that add up to \(sum), not \(expected)" }
}

extension BatchPushResult {
    /// How many of a batch were taken.
    @inline(__always)
    func pushed(of count: Int) -> Int {
        switch self {
        case .pushed: count
        case .full(let pushed): pushed
        case .closed: 0
        }
    }
}
