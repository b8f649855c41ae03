import ArgumentParser
import TapioEvents
import TapioRings

extension BenchCommand {
    struct Rings: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "From thread to thread in user space: our rings, the same in C, and a lock.",
            discussion: """
                Items of 64 bytes go from one thread to another, and from two to two others, each pinned to a CPU. All \
                queues take turns; shown is the median. "unpadded" is our ring with the indices of both sides on one \
                cache line. Needs two CPUs that have nothing else to do.

                EXAMPLES
                  tapio bench rings
                  tapio bench rings --batches 64 --rounds 11 --cpus 2,3 --json
                """
        )

        @OptionGroup var options: RingsOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let results = try options.measure()
            try BenchCommand.write(["rings": results], output) { BenchCommand.lines(results, $0) }
        }
    }

    struct Pool: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Buffers from the pool and back, beside malloc and free.",
            discussion: """
                Each thread takes eight buffers and gives them back, over and over; "written" writes a word into each \
                page between. Pool and malloc take turns; shown is the median.

                EXAMPLES
                  tapio bench pool
                  tapio bench pool --threads 1,2,4 --json
                """
        )

        @OptionGroup var options: PoolOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let results = try options.measure()
            try BenchCommand.write(["pool": results], output) { BenchCommand.lines(results, $0) }
        }
    }

    /// How handing over is measured.
    struct RingsOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Items of each run.", valueName: "n"))
        var items = 4_000_000

        @Option(help: ArgumentHelp("Slots: a power of two.", valueName: "n"))
        var slots = 4096

        @Option(
            help: ArgumentHelp("Sizes of batches, 1 to 256.", valueName: "n,n"),
            transform: { try BenchCommand.numbers($0, in: 1...256, of: "--batches") }
        )
        var batches = [1, 64]

        @Option(help: ArgumentHelp("How often.", valueName: "n"))
        var rounds = 5

        @Option(
            help: ArgumentHelp("CPUs of the threads. Default: two of different cores.", valueName: "cpus"),
            transform: BenchCommand.cpus
        )
        var cpus: [Int]?

        func validate() throws {
            if !(1000...1_000_000_000).contains(items) { throw ValidationError("--items \(items): 1000 to 1000000000") }
            if slots < 2 || slots > 1 << 20 || slots.nonzeroBitCount != 1 {
                throw ValidationError("--slots \(slots): a power of two from 2 to \(1 << 20)")
            }
            if !(1...99).contains(rounds) { throw ValidationError("--rounds \(rounds): 1 to 99") }
        }

        func measure() throws -> [RingsBenchmark.Result] {
            var benchmark = RingsBenchmark.Options()
            benchmark.items = items
            benchmark.capacity = slots
            benchmark.batches = batches
            benchmark.rounds = rounds
            benchmark.cpus = cpus
            return try RingsBenchmark(benchmark).run()
        }
    }

    /// How the pool is measured.
    struct PoolOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Buffers of 4 KiB that a thread takes; of greater ones fewer.", valueName: "n"))
        var takes = 80_000

        @Option(
            help: ArgumentHelp("Numbers of threads, 1 to 64.", valueName: "n,n"),
            transform: { try BenchCommand.numbers($0, in: 1...64, of: "--threads") }
        )
        var threads = [1, 2]

        @Option(help: ArgumentHelp("How often.", valueName: "n"))
        var rounds = 5

        func validate() throws {
            if !(1000...1_000_000_000).contains(takes) { throw ValidationError("--takes \(takes): 1000 to 1000000000") }
            if !(1...99).contains(rounds) { throw ValidationError("--rounds \(rounds): 1 to 99") }
        }

        func measure() throws -> [PoolBenchmark.Result] {
            var benchmark = PoolBenchmark.Options()
            benchmark.takes = takes
            benchmark.threads = threads
            benchmark.rounds = rounds
            return try PoolBenchmark(benchmark).run()
        }
    }

    static func lines(_ results: [RingsBenchmark.Result], _ paint: Paint) -> [String] {
        guard let first = results.first else { return [] }
        var table = TextTable([
            .left("THREADS"), .right("BATCH"), .right("RING"), .right("IN C"), .right("LOCK"), .right("UNPADDED"),
            .right("OF C'S SPEED"), .right("OF THE LOCK'S"),
        ])
        for result in results {
            table.row([
                "\(result.pairs) to \(result.pairs)", "\(result.batch)", ns(result.median(.ring)),
                ns(result.median(.c)),
                ns(result.median(.lock)), ns(result.median(.unpadded)), times(result.speedup(over: .c)),
                times(result.speedup(over: .lock)),
            ])
        }
        let cpus = first.cpus.map(String.init).joined(separator: " and ")
        return [paint(.bold, "rings") + "  an item of 64 bytes from thread to thread, on CPUs \(cpus)"]
            + table.lines(paint, indent: "  ")
    }

    static func lines(_ results: [PoolBenchmark.Result], _ paint: Paint) -> [String] {
        guard !results.isEmpty else { return [] }
        var table = TextTable([
            .left("BUFFER"), .right("THREADS"), .left("PAGES"), .right("POOL"), .right("MALLOC"),
            .right("OF ITS SPEED"),
        ])
        for result in results {
            table.row([
                HumanUnits.bytes(Int64(result.byteCount)), "\(result.threads)",
                result.isWritten ? "written" : "untouched", ns(result.poolMedianNs), ns(result.mallocMedianNs),
                times(result.mallocMedianNs / max(result.poolMedianNs, 1e-9)),
            ])
        }
        return [paint(.bold, "pool") + "  a buffer taken and given back"] + table.lines(paint, indent: "  ")
    }

    private static func times(_ value: Double) -> String { HumanUnits.decimal(value, decimals: 2) + " x" }

    /// Writes what was measured: as JSON, or as lines for people.
    static func write(_ answer: some Encodable, _ output: OutputOptions, _ lines: (Paint) -> [String]) throws {
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(answer))
        } else {
            for line in lines(output.paint) { try out.line(line) }
        }
        if BuildFacts.isDebug {
            StandardError.warning("this is a debug build: it is many times slower than a release build")
        }
        try out.flush()
    }

    /// Numbers with commas between, each within a range.
    static func numbers(_ text: String, in range: ClosedRange<Int>, of option: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            guard let number = Int(word), range.contains(number) else {
                throw ValidationError(
                    "\(option) \(text): numbers from \(range.lowerBound) to \(range.upperBound), with commas between"
                )
            }
            return number
        }
    }
}
