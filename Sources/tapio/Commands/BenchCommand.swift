import ArgumentParser
import TapioAgent
import TapioCollectors
import TapioEnrichment
import TapioEvents
import TapioPipeline
import TapioRings

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure on this machine what an event costs.",
        discussion: """
            Figures depend on the machine and its load: compare runs on one machine only, and with an optimised build.

            EXAMPLES
              tapio bench encode
              tapio bench aggregate --groups 100,50000
              tapio bench pipeline --baseline
              sudo tapio bench kernel --load exec,tcp
              sudo tapio bench all --json
            """,
        subcommands: [
            Rings.self, Pool.self, Cache.self, Parse.self, Encode.self, Aggregate.self, Pipeline.self, Ring.self,
            Kernel.self, Heap.self, All.self, Measure.self, Generate.self, Archive.self,
        ]
    )

    struct Encode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "From records in memory to sorted, compressed row groups in a file.",
            discussion: """
                On one thread, in its CPU time, with the events of an imagined node.

                EXAMPLES
                  tapio bench encode --events 8000000
                  tapio bench encode --directory /var/lib/tapio --columns
                """
        )

        @OptionGroup var options: EncodeOptions
        @OptionGroup var repetition: Repetition
        @OptionGroup var output: OutputOptions

        func run() throws {
            let answer = Answer(encode: [try options.measure(runs: repetition.runs)])
            try BenchCommand.write(answer, showsColumns: options.columns, output)
        }
    }

    struct All: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All of them, one after another.",
            discussion: """
                Takes some minutes. Needs root.

                EXAMPLES
                  sudo tapio bench all
                  sudo tapio bench all --json > bench.json
                """
        )

        @OptionGroup var parse: ParseOptions
        @OptionGroup var encode: EncodeOptions
        @OptionGroup var aggregate: AggregateOptions
        @OptionGroup var pipeline: PipelineOptions
        @OptionGroup var ring: RingOptions
        @OptionGroup var kernel: KernelOptions
        @OptionGroup var heap: HeapOptions
        @OptionGroup var repetition: Repetition
        @OptionGroup var output: OutputOptions

        func run() async throws {
            // From the smallest to the whole; each that leaves memory or threads behind in a process of its own.
            let runs = repetition.runs
            let answer = Answer(
                rings: try RingsBenchmark().run(),
                pool: try PoolBenchmark().run(),
                cache: [CacheBenchmark().run()],
                parse: [parse.measure(runs: runs)],
                encode: [try encode.measure(runs: runs)],
                aggregate: aggregate.measure(),
                pipeline: try await pipeline.measure(runs: runs),
                ring: try ring.measure(runs: runs),
                kernel: try await kernel.measure(runs: runs),
                heap: try await heap.measure()
            )
            try BenchCommand.write(answer, showsColumns: encode.columns, output)
            if !answer.closes { throw ExitStatus.failed.code }
        }
    }

    /// How often.
    struct Repetition: ParsableArguments {
        @Option(help: ArgumentHelp("How often; shown is the run with the median of CPU time.", valueName: "n"))
        var runs = 3

        func validate() throws {
            if !(1...99).contains(runs) { throw ValidationError("--runs \(runs): 1 to 99") }
        }
    }

    /// How the encoder is measured.
    struct EncodeOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Events in all.", valueName: "n"))
        var events = 4_000_000

        @Option(help: ArgumentHelp("Rows of a batch, 1024 to \(RowBatch.Limits.maxRows).", valueName: "n"))
        var batchRows = RowBatch.Limits.maxRows

        @Option(help: ArgumentHelp("Level of zstd, 1 to 19.", valueName: "level"))
        var level: Int32 = 1

        @Option(
            help: ArgumentHelp(
                "Write the row groups to a file here, and remove it. Default: nothing is written.",
                valueName: "dir"
            )
        )
        var directory: String?

        @Flag(help: "Show what each column takes.")
        var columns = false

        func validate() throws {
            if !(1...1_000_000_000).contains(events) { throw ValidationError("--events \(events): 1 to 1000000000") }
            if !(1024...RowBatch.Limits.maxRows).contains(batchRows) {
                throw ValidationError("--batch-rows \(batchRows): 1024 to \(RowBatch.Limits.maxRows)")
            }
            if !(1...19).contains(level) { throw ValidationError("--level \(level): 1 to 19") }
        }

        /// The run with the median of CPU time.
        func measure(runs: Int) throws -> EncodeBenchmark.Result {
            let results = try (0..<runs).map { _ in try measure() }.sorted { $0.totalNs < $1.totalNs }
            return results[runs / 2]
        }

        private func measure() throws -> EncodeBenchmark.Result {
            var options = EncodeBenchmark.Options()
            options.events = events
            options.batchRows = batchRows
            options.compressionLevel = level
            options.directory = directory
            return try EncodeBenchmark(registry: CollectorRegistry.schemas, options: options).run()
        }
    }

    /// What is written with `--json`.
    struct Answer: Encodable {
        var rings: [RingsBenchmark.Result] = []
        var pool: [PoolBenchmark.Result] = []
        var cache: [CacheBenchmark.Result] = []
        var parse: [ParseBenchmark.Result] = []
        var encode: [EncodeBenchmark.Result] = []
        var aggregate: [AggregateBenchmark.Result] = []
        var pipeline: [PipelineBenchmark.Result] = []
        var ring: [RingBenchmark.Result] = []
        var kernel: [KernelAnswer] = []
        var heap: [HeapMeasurement] = []

        /// Whether every event is accounted for.
        var closes: Bool {
            pipeline.allSatisfy(\.isComplete) && ring.allSatisfy(\.isClosed)
                && kernel.allSatisfy(\.figures.isProven) && heap.allSatisfy(\.problems.isEmpty)
        }
    }

    /// The parts of an answer that another process of this program gives.
    struct PartialAnswer: Decodable {
        var pipeline: [PipelineBenchmark.Result]
        var heap: [HeapMeasurement]
    }

    static func write(_ answer: Answer, showsColumns: Bool, _ output: OutputOptions) throws {
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(answer))
        } else {
            let paint = output.paint
            var all = [lines(answer.rings, paint), lines(answer.pool, paint), lines(answer.cache, paint)]
            all += answer.parse.map { lines($0, paint) }
            all += answer.encode.map { lines($0, showsColumns, paint) }
            all += [lines(answer.aggregate, paint)]
            all += answer.pipeline.map { lines($0, paint) }
            all += [lines(answer.ring, paint), lines(answer.kernel, paint)]
            all += answer.heap.map { lines($0, paint) }
            for (number, lines) in all.filter({ !$0.isEmpty }).enumerated() {
                if number > 0 { try out.line() }
                for line in lines { try out.line(line) }
            }
        }
        if BuildFacts.isDebug {
            StandardError.warning("this is a debug build: it is many times slower than a release build")
        }
        try out.flush()
    }

    private static func lines(_ result: EncodeBenchmark.Result, _ showsColumns: Bool, _ paint: Paint) -> [String] {
        func ns(_ phase: KeyPath<EncodeBenchmark.Result, UInt64>) -> String {
            HumanUnits.decimal(result.nsPerEvent(phase), decimals: 1) + " ns"
        }
        let rate = HumanUnits.decimal(result.eventsPerSecond / 1e6, decimals: 2)
        let size = HumanUnits.decimal(result.bytesPerEvent, decimals: 2)
        let what = "\(HumanUnits.count(Int64(result.events))) events in \(result.batches) batches"
        var table = TextTable([.left("PHASE"), .right("CPU PER EVENT"), .left("")])
        table.row(["append", ns(\.appendNs), "a checked record into its batch: the reader's part"])
        table.row(["sort", ns(\.sortNs), "by kind, cgroup and pid"])
        table.row(["encode", ns(\.encodeNs), "columns, pages, zstd"])
        table.row(["  zstd", ns(\.compressNs), "the part of zstd in it"])
        table.row(["write", ns(\.writeNs), "write(2)"])
        var lines = [paint(.bold, "encode") + "  \(what): \(rate) M events/s on one core, \(size) bytes each"]
        lines += table.lines(paint, indent: "  ")
        guard showsColumns else { return lines }
        var columns = TextTable([.left("COLUMN"), .right("BYTES PER EVENT")])
        for column in result.columns where column.bytes > 0 {
            let share = HumanUnits.decimal(Double(column.bytes) / Double(max(1, result.events)), decimals: 3)
            columns.row([column.name, share])
        }
        return lines + [""] + columns.lines(paint, indent: "  ")
    }
}
