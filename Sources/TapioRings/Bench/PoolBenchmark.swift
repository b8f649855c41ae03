import Glibc

/// What a buffer costs: taken from a ``BufferPool`` and given back, beside malloc and free of as many bytes.
///
/// Each thread takes eight, then gives the eight back, and so on; with `written`, it writes a word into each page between,
/// as who needs a buffer does. Pool and malloc take turns.
public struct PoolBenchmark: Sendable {
    /// What is measured.
    public struct Options: Sendable {
        /// Buffers that each thread takes of 4 KiB; of the greater ones a half and a sixteenth.
        public var takes = 80_000
        /// Numbers of threads, each 1 to 64.
        public var threads = [1, 2]
        /// How often each is run.
        public var rounds = 5

        /// The defaults.
        public init() {}
    }

    /// The figures of one arrangement.
    public struct Result: Sendable, Codable {
        /// Bytes of a buffer.
        public var byteCount: Int
        /// Threads at once.
        public var threads: Int
        /// Whether each page was written.
        public var isWritten: Bool
        /// Wall-clock nanoseconds of a thread for a take and a return, of each run.
        public var poolNs: [Double]
        /// The same for malloc and free.
        public var mallocNs: [Double]

        /// The median of the pool's runs.
        public var poolMedianNs: Double { Median.of(poolNs) }
        /// The median of malloc's.
        public var mallocMedianNs: Double { Median.of(mallocNs) }
    }

    /// Buffers that a thread holds at once.
    private static let held = 8

    private let options: Options

    /// A benchmark with these options.
    public init(_ options: Options = Options()) {
        self.options = options
    }

    /// Runs it.
    public func run() throws -> [Result] {
        var results: [Result] = []
        for tier in PoolTier.allCases {
            for threads in options.threads {
                for isWritten in [false, true] {
                    results.append(try measure(tier, threads: threads, isWritten: isWritten))
                }
            }
        }
        return results
    }

    private func measure(_ tier: PoolTier, threads: Int, isWritten: Bool) throws -> Result {
        var limits = BufferPool.Limits()
        let most = Self.held * threads
        switch tier {
        case .small: limits.small = most
        case .medium: limits.medium = most
        case .large: limits.large = most
        }
        let pool = try BufferPool(limits: limits)
        let share = [PoolTier.small: 1, .medium: 2, .large: 16][tier] ?? 1
        let turns = max(1, options.takes / share / Self.held)
        var result = Result(byteCount: tier.byteCount, threads: threads, isWritten: isWritten, poolNs: [], mallocNs: [])
        for _ in 0..<options.rounds {
            result.poolNs.append(
                try time(threads, turns) {
                    var buffers: [PoolBuffer] = []
                    buffers.reserveCapacity(Self.held)
                    for _ in 0..<turns {
                        for _ in 0..<Self.held {
                            guard let buffer = pool.take(tier) else { continue }
                            if isWritten { unsafe Self.write(buffer.base, tier.byteCount) }
                            buffers.append(buffer)
                        }
                        while let buffer = buffers.popLast() { pool.giveBack(buffer) }
                    }
                }
            )
            result.mallocNs.append(
                try time(threads, turns) {
                    var buffers: [UnsafeMutableRawPointer] = unsafe []
                    unsafe buffers.reserveCapacity(Self.held)
                    for _ in 0..<turns {
                        for _ in 0..<Self.held {
                            guard let buffer = unsafe malloc(tier.byteCount) else { continue }
                            if isWritten { unsafe Self.write(buffer, tier.byteCount) }
                            unsafe buffers.append(buffer)
                        }
                        while let buffer = unsafe buffers.popLast() { unsafe free(buffer) }
                    }
                }
            )
        }
        return result
    }

    private static func write(_ memory: UnsafeMutableRawPointer, _ byteCount: Int) {
        for offset in stride(from: 0, to: byteCount, by: 4096) {
            unsafe memory.storeBytes(of: UInt64(truncatingIfNeeded: offset), toByteOffset: offset, as: UInt64.self)
        }
    }

    /// Runs the work on so many threads at once; nanoseconds for each buffer of a thread.
    private func time(
        _ threads: Int,
        _ turns: Int,
        _ work: @escaping @Sendable () -> Void
    ) throws(ThreadError) -> Double {
        let race = ThreadRace(pairs: threads, cpus: [])
        // The race's consumers have nothing to do.
        let outcome = try race.run(produce: { _ in work() }, finish: {}, consume: { 0 })
        return Double(outcome.durationNs) / Double(turns * Self.held)
    }
}
