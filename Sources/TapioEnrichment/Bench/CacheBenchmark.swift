import TapioRings

/// What a question to a ``LookupCache`` costs, beside a dictionary behind a lock.
public struct CacheBenchmark: Sendable {
    /// What is measured.
    public struct Options: Sendable {
        /// Questions of a run.
        public var lookUps = 20_000_000
        /// Keys in the cache.
        public var entries = 5_000
        /// Of a hundred questions, so many are for keys that are there.
        public var hitPercent = 95
        /// How often each is run, in turns.
        public var rounds = 5

        /// The defaults.
        public init() {}
    }

    /// The figures.
    public struct Result: Sendable, Codable {
        /// Questions of a run.
        public var lookUps: Int
        /// Keys in the cache.
        public var entries: Int
        /// Part of the questions that the cache answered.
        public var hitShare: Double
        /// CPU nanoseconds for a question, of each run.
        public var cacheNs: [Double]
        /// The same of the dictionary behind a lock.
        public var dictionaryNs: [Double]
        /// The same of a published table with the keys of the cache.
        public var tableNs: [Double]
        /// The same of a negative cache with as many other keys, which are asked for as seldom as the cache fails.
        public var negativeNs: [Double]

        /// The median of the cache's runs.
        public var cacheMedianNs: Double { Median.of(cacheNs) }
        /// The median of the dictionary's.
        public var dictionaryMedianNs: Double { Median.of(dictionaryNs) }
        /// The median of the table's.
        public var tableMedianNs: Double { Median.of(tableNs) }
        /// The median of the negative cache's.
        public var negativeMedianNs: Double { Median.of(negativeNs) }
        /// Questions that a core answers in a second.
        public var lookUpsPerSecond: Double { 1e9 / max(cacheMedianNs, 1e-9) }
    }

    private let options: Options

    /// A benchmark with these options.
    public init(_ options: Options = Options()) {
        self.options = options
    }

    /// Runs it on the calling thread.
    public func run() -> Result {
        let cache = LookupCache(timeToLive: .seconds(3600), readers: 1)
        let locked = Guarded<[UInt64: UInt32]>([:])
        let table = PublishedTable(readers: 1)
        let negative = NegativeCache(timeToLive: .seconds(3600), readers: 1)
        for index in 0..<options.entries {
            cache.insert(Self.key(index), id: UInt32(index), nowNs: 0)
            locked.withLock { $0[Self.key(index)] = UInt32(index) }
            negative.insert(Self.key(index + options.entries), nowNs: 0)
        }
        table.publish(LookupTable(locked.withLock { $0 }))
        let keys = questions()
        var result = Result(
            lookUps: options.lookUps,
            entries: options.entries,
            hitShare: 0,
            cacheNs: [],
            dictionaryNs: [],
            tableNs: [],
            negativeNs: []
        )
        for _ in 0..<options.rounds {
            result.cacheNs.append(time(keys) { cache.lookUp($0, reader: 0, nowNs: 1) })
            result.dictionaryNs.append(time(keys) { key in locked.withLock { $0[key] } })
            result.tableNs.append(time(keys) { table.lookUp($0, reader: 0) })
            result.negativeNs.append(time(keys) { negative.contains($0, reader: 0, nowNs: 1) ? 1 : nil })
        }
        let statistics = cache.statistics
        let asked = statistics.hits + statistics.misses + statistics.expired + statistics.contended
        result.hitShare = Double(statistics.hits) / Double(max(1, asked))
        return result
    }

    /// Keys like those of cgroups: neighbours, with gaps.
    private static func key(_ index: Int) -> UInt64 { 4_294_967_296 + UInt64(index) * 7 }

    /// The keys to ask for, in an order that no prefetcher guesses; asked for again and again.
    private func questions() -> [UInt64] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<1 << 16).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            let isThere = Int(state >> 32 % 100) < options.hitPercent
            let index = Int(state >> 8 % UInt64(max(1, options.entries)))
            return Self.key(isThere ? index : index + options.entries)
        }
    }

    /// CPU nanoseconds for each question. The answers are added up, so that none can be left out.
    @inline(__always)
    private func time(_ keys: [UInt64], _ ask: (UInt64) -> UInt32?) -> Double {
        var sum: UInt64 = 0
        let from = MonotonicClock.threadCPUNs
        var left = options.lookUps
        while left > 0 {
            let count = min(left, keys.count)
            for index in 0..<count { sum &+= UInt64(ask(keys[index]) ?? 1) }
            left -= count
        }
        let spent = MonotonicClock.threadCPUNs - from
        precondition(sum > 0, "nothing was answered")
        return Double(spent) / Double(options.lookUps)
    }
}
