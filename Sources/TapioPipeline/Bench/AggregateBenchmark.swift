import TapioBPF
public import TapioEvents
import TapioRings

/// Measures what it costs the reader to merge an event: finding its group and adding it, with the summaries that are due.
///
/// On the calling thread, in its CPU time. The events are connections, whose grouping key is the longest, in as many groups as
/// asked for, all equally frequent: with more groups than the window holds, the worst case, since each evicts another.
public struct AggregateBenchmark: Sendable {
    /// What to measure.
    public struct Options: Sendable, Hashable {
        /// Events in all.
        public var events = 4_000_000
        /// Groups that the events are of, 1…1,000,000.
        public var groups = 100
        /// Groups that the window holds.
        public var capacity = AggregationTuning().maxGroups
        /// Events after which the window ends: those of 5 s at 420,000 a second.
        public var window = 2_100_000

        /// The defaults.
        public init() {}
    }

    /// What was measured.
    public struct Result: Sendable, Hashable, Codable {
        /// Groups that the events were of.
        public var groups = 0
        /// Events.
        public var events = 0
        /// Those that were merged.
        public var merged = 0
        /// Summaries told.
        public var summaries: UInt64 = 0
        /// Groups that had to make way.
        public var evictions: UInt64 = 0
        /// CPU time, ns.
        public var cpuNs: UInt64 = 0

        /// CPU time for one event, ns.
        public var nsPerEvent: Double { Double(cpuNs) / Double(max(1, events)) }
    }

    private let registry: SchemaRegistry
    private let options: Options

    /// A benchmark with the kind `tcp_connect` of `registry`.
    public init(registry: SchemaRegistry, options: Options = Options()) {
        precondition(options.events >= 1 && options.groups >= 1 && options.groups <= 1_000_000)
        self.registry = registry
        self.options = options
    }

    /// Runs it: some 50 ns for each event, more with evictions.
    public func run() -> Result {
        let window = WindowAggregator(registry, capacity: options.capacity, seed: 1)
        _ = window.follow { $0 == EventKind(Int(TAPIO_KIND_TCP_CONNECT)) }
        let events = records()
        let batch = RowBatch(limits: RowBatch.Limits())
        var result = Result(groups: options.groups)
        var next = 0
        while result.events < options.events {
            // As much as a reader takes in one go, into an empty batch: what becomes of full ones is not measured here.
            let count = min(4096, options.events - result.events)
            batch.reset()
            let begin = MonotonicClock.threadCPUNs
            for _ in 0..<count {
                var room = SummaryRoom.unlimited
                events.withRecord(at: next) { record in
                    if window.merges(record, enrichmentID: .none, nowNs: 0, into: batch, room: &room) {
                        result.merged += 1
                    } else {
                        _ = batch.append(record)
                    }
                }
                next = next + 1 == events.rowCount ? 0 : next + 1
            }
            result.events += count
            if result.events % options.window < count { end(window, batch) }
            result.cpuNs += MonotonicClock.threadCPUNs - begin
        }
        result.summaries = window.statistics.summaries
        result.evictions = window.statistics.evictions
        return result
    }

    private func end(_ window: WindowAggregator, _ batch: RowBatch) {
        while !window.flush(into: batch) { batch.reset() }
    }

    /// Some events of each group, shuffled.
    private func records() -> RowBatch {
        let most = 100_000
        var random = BenchmarkRandom(seed: 1)
        let batch = RowBatch(limits: RowBatch.Limits(rows: most, bytes: most * 256))
        for number in 0..<most {
            // Each group once before any comes again, where there are few; else any of them.
            let group = options.groups <= most ? number % options.groups : random.below(options.groups)
            var record = tapio_tcp()
            record.header.time_ns = UInt64(number)
            record.header.kind = UInt8(TAPIO_KIND_TCP_CONNECT)
            record.header.priority = Priority.normal.rawValue
            record.header.keep = UInt32(TAPIO_KEEP_ALL)
            record.header.cgroup_id = 4_000 + UInt64(group % 140)
            record.header.pid = 1_000 + UInt32(group / 250)
            record.dst_port = 443
            record.direction = UInt8(TAPIO_DIRECTION_OUTBOUND)
            unsafe withUnsafeMutableBytes(of: &record.dst_addr) { unsafe $0[15] = UInt8(group % 250) }
            record.latency_ns = 20_000 + random.skewed(1 << 24)
            unsafe withUnsafeBytes(of: record) { bytes in
                let isTaken = unsafe batch.append(bytes.bytes)
                precondition(isTaken)
            }
        }
        return batch
    }
}
