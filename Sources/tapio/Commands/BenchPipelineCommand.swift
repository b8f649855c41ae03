import ArgumentParser
import Foundation
import TapioAgent
import TapioCollectors
import TapioEvents
import TapioPipeline

extension BenchCommand {
    struct Pipeline: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "From records in memory to an archive on disk, with all threads of the agent, on one core.",
            discussion: """
                Records of an imagined node are drained, checked, batched, sorted, encoded, compressed and written. \
                The process is bound to one CPU, so that events for each second of CPU time are what a core can do. \
                With --baseline the same events go the naive way in turn: a lock, an object and a dictionary for each, \
                JSON, and a call of zstd for each.

                EXAMPLES
                  tapio bench pipeline
                  tapio bench pipeline --baseline --pipeline-cpu 1 --runs 5 --json
                """
        )

        @OptionGroup var options: PipelineOptions
        @Flag(help: "Measure the naive way beside it, an eighth of the events.")
        var baseline = false
        @OptionGroup var repetition: Repetition
        @OptionGroup var output: OutputOptions

        func run() async throws {
            var answer = Answer()
            answer.pipeline = [try await options.measureHere(runs: repetition.runs, withBaseline: baseline)]
            try BenchCommand.write(answer, showsColumns: false, output)
            if !answer.closes { throw ExitStatus.failed.code }
        }
    }

    struct Parse: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What it takes to check and take over a record, and to decode it.",
            discussion: """
                On one thread, in its CPU time, with the records of an imagined node; beside it an object with a \
                dictionary for each record.

                EXAMPLES
                  tapio bench parse --records 4000000
                """
        )

        @OptionGroup var options: ParseOptions
        @OptionGroup var repetition: Repetition
        @OptionGroup var output: OutputOptions

        func run() throws {
            var answer = Answer()
            answer.parse = [options.measure(runs: repetition.runs)]
            try BenchCommand.write(answer, showsColumns: false, output)
        }
    }

    /// How the pipeline is measured.
    struct PipelineOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Events of a run, all in memory.", valueName: "n"))
        var pipelineEvents = 2_000_000

        @Option(help: ArgumentHelp("The CPU to run on. Default: the last.", valueName: "cpu"))
        var pipelineCpu: Int?

        @Option(help: ArgumentHelp("Where the files go meanwhile. Default: $TMPDIR.", valueName: "dir"))
        var pipelineDirectory: String?

        func validate() throws {
            if !(1000...50_000_000).contains(pipelineEvents) {
                throw ValidationError("--pipeline-events \(pipelineEvents): 1000 to 50000000")
            }
        }

        /// In this process, which is bound to the CPU from then on.
        func measureHere(runs: Int, withBaseline: Bool) async throws -> PipelineBenchmark.Result {
            try BenchmarkCPU.bind(to: pipelineCpu)
            var benchmark = PipelineBenchmark.Options()
            benchmark.events = pipelineEvents
            benchmark.runs = runs
            benchmark.baselineEvents = withBaseline ? max(1, pipelineEvents / 8) : 0
            benchmark.directory = pipelineDirectory.map { AbsolutePath.of($0) } ?? NSTemporaryDirectory()
            return try await PipelineBenchmark(registry: CollectorRegistry.schemas, options: benchmark).run()
        }

        /// In a process of its own, with the baseline.
        func measure(runs: Int) async throws -> [PipelineBenchmark.Result] {
            var arguments = [
                "bench", "pipeline", "--baseline", "--json", "--pipeline-events", "\(pipelineEvents)",
                "--runs", "\(runs)",
            ]
            if let pipelineCpu { arguments += ["--pipeline-cpu", "\(pipelineCpu)"] }
            if let pipelineDirectory { arguments += ["--pipeline-directory", pipelineDirectory] }
            let answer: PartialAnswer = try await BenchCommand.output(of: arguments)
            return answer.pipeline
        }
    }

    /// How reading a record is measured.
    struct ParseOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Records in all.", valueName: "n"))
        var parseRecords = 1_000_000

        func validate() throws {
            if !(1000...50_000_000).contains(parseRecords) {
                throw ValidationError("--parse-records \(parseRecords): 1000 to 50000000")
            }
        }

        func measure(runs: Int) -> ParseBenchmark.Result {
            var options = ParseBenchmark.Options()
            options.records = parseRecords
            options.runs = runs
            return ParseBenchmark(registry: CollectorRegistry.schemas, options: options).run()
        }
    }

    static func lines(_ result: PipelineBenchmark.Result, _ paint: Paint) -> [String] {
        var table = TextTable([
            .left(""), .right("EVENTS"), .right("EVENTS/S OF CPU"), .right("ON THE CLOCK"), .right("CPU"),
            .right("READER"), .right("ENCODER"), .right("BYTES/EVENT"),
        ])
        func row(_ name: String, _ run: PipelineBenchmark.Run) {
            let events = Double(max(1, run.events))
            let hasThreads = run.encoderNs > 0
            table.row([
                name, count(UInt64(run.events)), millions(run.eventsPerSecond), millions(run.eventsPerSecondOnClock),
                ns(run.nsPerEvent), hasThreads ? ns(Double(run.readerNs) / events) : "",
                hasThreads ? ns(Double(run.encoderNs) / events) : "",
                HumanUnits.decimal(run.bytesPerEvent, decimals: 2),
            ])
        }
        row("pipeline", result.pipeline)
        if let baseline = result.baseline { row("baseline", baseline) }
        var title = paint(.bold, "pipeline") + "  from records in memory to an archive on disk, on one core"
        if let ratio = result.ratio { title += ": \(HumanUnits.decimal(ratio, decimals: 1)) × the baseline" }
        let problems = (result.runs + result.baselineRuns).flatMap(\.problems)
        return [title] + table.lines(paint, indent: "  ") + problems.map { TerminalText.escape("  \($0)") }
    }

    static func lines(_ result: ParseBenchmark.Result, _ paint: Paint) -> [String] {
        var table = TextTable([.left("WAY"), .right("CPU PER RECORD"), .left("")])
        table.row(["check", ns(result.checkNs), "every offset lies within the record"])
        table.row(["take", ns(result.takeNs), "the check, and the copy into a batch: what the reader does"])
        table.row(["decode", ns(result.decodeNs), "every field made readable: what a live view does"])
        table.row(["dictionary", ns(result.dictionaryNs), "an object with a dictionary of them: the baseline"])
        let size = HumanUnits.decimal(Double(result.bytes) / Double(max(1, result.records)), decimals: 0)
        let what = "\(count(UInt64(result.records))) records of \(size) bytes"
        let ratio = HumanUnits.decimal(result.ratio, decimals: 1)
        return [paint(.bold, "parse") + "  \(what): taken over \(ratio) × as fast as a dictionary each"]
            + table.lines(paint, indent: "  ")
    }

    static func millions(_ value: Double) -> String { HumanUnits.decimal(value / 1e6, decimals: 2) + " M" }
}
