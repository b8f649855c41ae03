import ArgumentParser
import TapioAgent
import TapioEvents

extension BenchCommand {
    struct Heap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What the running agent allocates on the heap under a steady load.",
            discussion: """
                Probes at the C library's malloc, calloc, realloc, aligned_alloc and posix_memalign count the calls of \
                each thread of the agent, while a generator causes events at a steady rate. What is needed once, and \
                then kept, is over when the counting begins. Needs root.

                EXAMPLES
                  sudo tapio bench heap
                  sudo tapio bench heap --heap-load emit@420000 --seconds 30 --json
                """
        )

        @OptionGroup var options: HeapOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            var answer = Answer()
            answer.heap = [try await options.measureHere()]
            try BenchCommand.write(answer, showsColumns: false, output)
            if answer.heap.contains(where: { !$0.problems.isEmpty }) { throw ExitStatus.failed.code }
        }
    }

    /// How allocations are counted.
    struct HeapOptions: ParsableArguments {
        @Option(
            help: ArgumentHelp("What to cause meanwhile; see `bench kernel`.", valueName: "load"),
            transform: { try BenchCommand.load($0) }
        )
        var heapLoad = BenchmarkLoad.getppid(perSecond: 420_000)

        @Option(help: ArgumentHelp("How long to count.", valueName: "s"))
        var seconds = 10

        @Option(help: ArgumentHelp("How long the load runs before.", valueName: "s"))
        var warmUp = 8

        func validate() throws {
            if !(1...3600).contains(seconds) { throw ValidationError("--seconds \(seconds): 1 to 3600") }
            if !(0...3600).contains(warmUp) { throw ValidationError("--warm-up \(warmUp): 0 to 3600") }
        }

        /// In this process, whose agent has to be the first that ran in it.
        func measureHere() async throws -> HeapMeasurement {
            var benchmark = HeapBenchmark.Options()
            benchmark.load = heapLoad
            benchmark.duration = .seconds(seconds)
            benchmark.warmUp = .seconds(warmUp)
            return try await HeapBenchmark(benchmark).run()
        }

        /// In a process of its own.
        func measure() async throws -> [HeapMeasurement] {
            let answer: PartialAnswer = try await BenchCommand.output(of: [
                "bench", "heap", "--json", "--heap-load", heapLoad.name, "--seconds", "\(seconds)", "--warm-up",
                "\(warmUp)",
            ])
            return answer.heap
        }
    }

    static func lines(_ result: HeapMeasurement, _ paint: Paint) -> [String] {
        var table = TextTable([
            .left("THREADS"), .right("MALLOC"), .right("CALLOC"), .right("REALLOC"), .right("ALIGNED"),
            .right("PER EVENT"), .right("PER BATCH"),
        ])
        for threads in result.threads {
            table.row([
                threads.role.rawValue, count(threads.malloc), count(threads.calloc), count(threads.realloc),
                count(threads.aligned), HumanUnits.decimal(result.perEvent(threads.calls), decimals: 6),
                HumanUnits.decimal(result.perBatch(threads.calls), decimals: 1),
            ])
        }
        let what =
            "\(count(result.calls)) allocations, \(count(result.events)) events, \(count(result.batches)) batches"
        let time = "in \(duration(result.elapsedNs)) of \(result.load)"
        var lines = [paint(.bold, "heap") + "  \(what) \(time)"]
        lines += table.lines(paint, indent: "  ")
        return lines + result.problems.map { TerminalText.escape("  \(result.load): \($0)") }
    }
}
