import ArgumentParser
import TapioCollectors
import TapioEvents
import TapioPipeline

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure on this machine what an event costs.",
        discussion: """
            Figures depend on the machine and its load: compare runs on one machine only, and with an optimised build.

            EXAMPLES
              tapio bench encode
              tapio bench all --json
            """,
        subcommands: [Encode.self, All.self]
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
        @OptionGroup var output: OutputOptions

        func run() throws {
            try BenchCommand.write([options.measure()], showsColumns: options.columns, output)
        }
    }

    struct All: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All of them, one after another.",
            discussion: """
                EXAMPLES
                  tapio bench all
                  tapio bench all --json > bench.json
                """
        )

        @OptionGroup var options: EncodeOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try BenchCommand.write([options.measure()], showsColumns: options.columns, output)
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

        func measure() throws -> EncodeBenchmark.Result {
            var options = EncodeBenchmark.Options()
            options.events = events
            options.batchRows = batchRows
            options.compressionLevel = level
            options.directory = directory
            return try EncodeBenchmark(registry: CollectorRegistry.schemas, options: options).run()
        }
    }

    private struct Answer: Encodable {
        var encode: [EncodeBenchmark.Result]
    }

    private static func write(
        _ results: [EncodeBenchmark.Result],
        showsColumns: Bool,
        _ output: OutputOptions
    ) throws {
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(Answer(encode: results)))
        } else {
            for result in results { for line in lines(result, showsColumns, output.paint) { try out.line(line) } }
            if BuildFacts.isDebug {
                StandardError.warning("this is a debug build: it is many times slower than a release build")
            }
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
