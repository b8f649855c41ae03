import ArgumentParser
import TapioEnrichment
import TapioEvents

extension BenchCommand {
    struct Cache: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Questions to the enrichment's caches, beside a dictionary behind a lock.",
            discussion: """
                On one thread, in its CPU time; they take turns, shown is the median. TABLE is the one that services are
                looked up in, NEGATIVE the one of what is known to be unknown, which has as many keys as the cache, and is
                asked for them as seldom as the cache fails.

                EXAMPLES
                  tapio bench cache
                  tapio bench cache --entries 9000 --hit-percent 50 --json
                """
        )

        @OptionGroup var options: CacheOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let results = [options.measure()]
            try BenchCommand.write(["cache": results], output) { BenchCommand.lines(results, $0) }
        }
    }

    /// How the cache is measured.
    struct CacheOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Questions of each run.", valueName: "n"))
        var lookUps = 20_000_000

        @Option(help: ArgumentHelp("Keys in the cache, which has room for 10,000.", valueName: "n"))
        var entries = 5_000

        @Option(help: ArgumentHelp("Of a hundred questions, so many are for keys in it.", valueName: "n"))
        var hitPercent = 95

        @Option(help: ArgumentHelp("How often.", valueName: "n"))
        var rounds = 5

        func validate() throws {
            if !(1000...10_000_000_000).contains(lookUps) {
                throw ValidationError("--look-ups \(lookUps): 1000 to 10000000000")
            }
            if !(1...1_000_000).contains(entries) { throw ValidationError("--entries \(entries): 1 to 1000000") }
            if !(1...100).contains(hitPercent) { throw ValidationError("--hit-percent \(hitPercent): 1 to 100") }
            if !(1...99).contains(rounds) { throw ValidationError("--rounds \(rounds): 1 to 99") }
        }

        func measure() -> CacheBenchmark.Result {
            var benchmark = CacheBenchmark.Options()
            benchmark.lookUps = lookUps
            benchmark.entries = entries
            benchmark.hitPercent = hitPercent
            benchmark.rounds = rounds
            return CacheBenchmark(benchmark).run()
        }
    }

    static func lines(_ results: [CacheBenchmark.Result], _ paint: Paint) -> [String] {
        guard !results.isEmpty else { return [] }
        var table = TextTable([
            .right("ENTRIES"), .right("HITS"), .right("CACHE"), .right("TABLE"), .right("NEGATIVE"),
            .right("DICTIONARY"), .right("LOOK-UPS/S"),
        ])
        for result in results {
            table.row([
                HumanUnits.count(Int64(result.entries)), HumanUnits.decimal(result.hitShare * 100, decimals: 1) + " %",
                HumanUnits.decimal(result.cacheMedianNs, decimals: 1) + " ns",
                HumanUnits.decimal(result.tableMedianNs, decimals: 1) + " ns",
                HumanUnits.decimal(result.negativeMedianNs, decimals: 1) + " ns",
                HumanUnits.decimal(result.dictionaryMedianNs, decimals: 1) + " ns",
                HumanUnits.decimal(result.lookUpsPerSecond / 1e6, decimals: 1) + " M",
            ])
        }
        return [paint(.bold, "cache") + "  CPU for a question, on one core"] + table.lines(paint, indent: "  ")
    }
}
