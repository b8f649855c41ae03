import Glibc
import TapioArchive
public import TapioEvents
import TapioRings

/// Measures the whole way in user space: records in memory are drained, checked, batched, sorted, encoded, compressed and
/// written into an archive on disk, by the threads that an agent has. Needs no privileges.
///
/// Bind the process to one CPU, and what comes out is what one core can do.
public struct PipelineBenchmark: Sendable {
    /// How to measure.
    public struct Options: Sendable {
        /// Events of a run, all in memory: about 130 bytes each.
        public var events = 2_000_000
        /// Events of a run of the baseline, the first of the same; 0: no baseline.
        public var baselineEvents = 0
        /// How often; runs and the baseline's take turns.
        public var runs = 3
        /// Seed of the events.
        public var seed: UInt64 = 1
        /// How the pipeline works; a full queue holds the reader up, so that nothing is lost.
        public var pipeline = PipelineConfiguration()
        /// A directory for the files, which are removed afterwards.
        public var directory = "/tmp"

        /// The defaults.
        public init() {}
    }

    /// What a run took.
    public struct Run: Sendable, Hashable, Codable {
        /// Events from memory to disk.
        public var events = 0
        /// Bytes of their records.
        public var recordBytes = 0
        /// Bytes of the files.
        public var fileBytes: Int64 = 0
        /// From the first record until the files were complete and durable, ns.
        public var elapsedNs: UInt64 = 0
        /// CPU time of the process, user and kernel, ns.
        public var cpuNs: UInt64 = 0
        /// Of it the reader's, ns.
        public var readerNs: UInt64 = 0
        /// Of it the encoders', ns.
        public var encoderNs: UInt64 = 0
        /// Events that are not in the files, or not as they should be: a line each.
        public var problems: [String] = []

        /// Events for each second of CPU time: what a core does that has nothing else to do.
        public var eventsPerSecond: Double { Double(events) * 1e9 / Double(max(1, cpuNs)) }
        /// Events for each second on the clock.
        public var eventsPerSecondOnClock: Double { Double(events) * 1e9 / Double(max(1, elapsedNs)) }
        /// Bytes on disk for an event.
        public var bytesPerEvent: Double { Double(fileBytes) / Double(max(1, events)) }

        /// CPU time for an event, ns.
        public var nsPerEvent: Double { Double(cpuNs) / Double(max(1, events)) }
    }

    /// What was measured: the runs with the medians of CPU time, and all.
    public struct Result: Sendable, Hashable, Codable {
        /// The pipeline's median run.
        public var pipeline = Run()
        /// The baseline's median run, if it was asked for.
        public var baseline: Run?
        /// How often the pipeline's CPU time for an event goes into the baseline's.
        public var ratio: Double?
        /// All runs of the pipeline.
        public var runs: [Run] = []
        /// All runs of the baseline.
        public var baselineRuns: [Run] = []

        /// Whether all events were found where they belong.
        public var isComplete: Bool { (runs + baselineRuns).allSatisfy(\.problems.isEmpty) }
    }

    private let registry: SchemaRegistry
    private let options: Options

    /// A benchmark of the table of `registry`, which has to have the kinds of processes and TCP.
    public init(registry: SchemaRegistry, options: Options = Options()) {
        self.registry = registry
        self.options = options
    }

    /// Runs it; making the events takes about 2 s for each million before.
    public func run() async throws -> Result {
        let tapes = RecordTapes(count: options.events, seed: options.seed)
        var result = Result()
        for _ in 0..<max(1, options.runs) {
            result.runs.append(try await run(tapes))
            guard options.baselineEvents > 0 else { continue }
            let baseline = NaivePipeline(registry: registry, directory: options.directory)
            result.baselineRuns.append(try baseline.run(tapes, events: options.baselineEvents))
        }
        result.pipeline = Self.median(result.runs) ?? Run()
        result.baseline = Self.median(result.baselineRuns)
        result.ratio = result.baseline.map { $0.nsPerEvent / max(result.pipeline.nsPerEvent, .leastNonzeroMagnitude) }
        return result
    }

    private static func median(_ runs: [Run]) -> Run? {
        runs.sorted { $0.nsPerEvent < $1.nsPerEvent }.dropFirst(runs.count / 2).first
    }

    private func run(_ tapes: RecordTapes) async throws -> Run {
        let place = try ScratchDirectory(in: options.directory)
        defer { place.remove() }
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
        let archive = try Archive.open(root: place.path, options: archiveOptions(clock))
        let ledger = Ledger()
        var configuration = options.pipeline
        configuration.reader.backpressure = .holdRings
        let plane = TapePlane(tapes)
        let pipeline = try Pipeline(
            configuration: configuration,
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        var run = Run()
        run.events = tapes.count
        run.recordBytes = tapes.byteCount
        let begin = (wall: MonotonicClock.monotonicNs, cpu: ProcessTime.cpuNs)
        let writer = Task {
            var problems: [String] = []
            for await encoded in pipeline.batches {
                do throws(ArchiveWriteError) {
                    try archive.append(encoded.batch)
                } catch {
                    if problems.count < 8 { problems.append(error.description) }
                }
                encoded.settle()
            }
            return problems
        }
        try pipeline.start()
        await pipeline.stop(within: .seconds(3600))
        run.problems = await writer.value
        archive.close()
        run.elapsedNs = MonotonicClock.monotonicNs - begin.wall
        run.cpuNs = ProcessTime.cpuNs - begin.cpu
        let statistics = pipeline.statistics
        run.readerNs = statistics.readers.reduce(0) { $0 + $1.cpuNs }
        run.encoderNs = statistics.encoders.busyNs
        run.fileBytes = archive.segments.reduce(0) { $0 + $1.bytes }
        run.problems += missing(tapes, archive)
        return run
    }

    /// What the archive's files have too few or too many of, kind by kind.
    private func missing(_ tapes: RecordTapes, _ archive: Archive) -> [String] {
        var written: [UInt8: Int] = [:]
        for total in archive.segments.flatMap(\.totals.kinds) { written[total.kind, default: 0] += total.rows }
        return tapes.kinds.sorted { $0.key < $1.key }.compactMap { kind, count in
            let rows = written[kind.rawValue] ?? 0
            return rows == count ? nil : "\(registry.name(of: kind)): \(count) events, \(rows) rows"
        }
    }

    private func archiveOptions(_ clock: ClockOffset) -> ArchiveOptions {
        let identity = ArchiveIdentity(
            node: "bench",
            bootID: "00000000-0000-0000-0000-000000000000",
            runID: "bench",
            clockOffsetNs: clock.utcMinusBootNs,
            schemaVersion: "1",
            configHash: "",
            createdBy: "tapio bench"
        )
        var archive = ArchiveOptions(schema: registry.parquetSchema, identity: identity)
        archive.sync = .segment
        return archive
    }
}

/// CPU time of this process.
enum ProcessTime {
    /// Of all its threads, user and kernel, ns.
    static var cpuNs: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
