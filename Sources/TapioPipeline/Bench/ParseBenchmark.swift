public import TapioEvents
import TapioRings

/// Measures what it takes to read a record: to check and take it over, as the reader does with each, and to make it readable
/// field by field, as live views do; beside that, a dictionary for each.
public struct ParseBenchmark: Sendable {
    /// What to measure.
    public struct Options: Sendable, Hashable {
        /// Records in all; the slower ways take the first eighth of them.
        public var records = 1_000_000
        /// How often.
        public var runs = 3
        /// Seed of the records.
        public var seed: UInt64 = 1

        /// The defaults.
        public init() {}
    }

    /// CPU time for a record, ns: medians of the runs.
    public struct Result: Sendable, Hashable, Codable {
        /// Records that were checked in each run.
        public var records = 0
        /// Bytes of them, each rounded up to 8.
        public var bytes = 0
        /// Every offset that its schema names lies within the record.
        public var checkNs = 0.0
        /// The check, and the copy into a batch.
        public var takeNs = 0.0
        /// All fields decoded (``RecordDecoder``).
        public var decodeNs = 0.0
        /// An object with a dictionary of them.
        public var dictionaryNs = 0.0

        /// How often what the reader does goes into a dictionary for each.
        public var ratio: Double { dictionaryNs / max(takeNs, .leastNonzeroMagnitude) }
    }

    private let registry: SchemaRegistry
    private let options: Options

    /// A benchmark of the kinds of `registry`, among them those of processes and TCP.
    public init(registry: SchemaRegistry, options: Options = Options()) {
        self.registry = registry
        self.options = options
    }

    /// Runs it on the calling thread.
    public func run() -> Result {
        let tapes = RecordTapes(count: options.records, seed: options.seed)
        let check = RecordCheck(registry)
        let decoder = RecordDecoder(registry)
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
        let batch = RowBatch(limits: RowBatch.Limits())
        var (checks, takes, decodes, dictionaries): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
        var faults = 0
        var fields = 0
        for _ in 0..<max(1, options.runs) {
            checks.append(
                nsPerRecord(tapes, part: 1) { record in if check.fault(in: record) != nil { faults += 1 } }
            )
            takes.append(
                nsPerRecord(tapes, part: 1) { record in
                    if check.fault(in: record) != nil { faults += 1 }
                    if !batch.append(record) {
                        batch.reset()
                        _ = batch.append(record)
                    }
                }
            )
            decodes.append(
                nsPerRecord(tapes, part: 8) { record in fields &+= decoder.decode(record, clock: clock).values.count }
            )
            dictionaries.append(
                nsPerRecord(tapes, part: 8) { record in
                    fields &+= NaivePipeline.event(record, decoder, clock).fields.count
                }
            )
        }
        precondition(faults == 0 && fields > 0, "the benchmark made records that the reader refuses")
        var result = Result()
        result.records = tapes.count
        result.bytes = tapes.byteCount
        result.checkNs = Self.median(checks)
        result.takeNs = Self.median(takes)
        result.decodeNs = Self.median(decodes)
        result.dictionaryNs = Self.median(dictionaries)
        return result
    }

    private func nsPerRecord(_ tapes: RecordTapes, part: Int, _ body: (RawSpan) -> Void) -> Double {
        var records = 0
        let begin = MonotonicClock.threadCPUNs
        for tape in tapes.tapes {
            var position = 0
            let share = (tape.count + part - 1) / part
            records += tape.read(from: &position, maxRecords: share, maxBytes: .max, body).records
        }
        return Double(MonotonicClock.threadCPUNs - begin) / Double(max(1, records))
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
