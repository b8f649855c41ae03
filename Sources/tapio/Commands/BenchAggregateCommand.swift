import ArgumentParser
import TapioCollectors
import TapioEvents
import TapioPipeline

extension BenchCommand {
    struct Aggregate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Merging events that are alike into summaries.",
            discussion: """
                On one thread, in its CPU time. The events are connections in so many groups, all equally frequent; \
                with more groups than a window holds (aggregation.max_aggregates), each evicts another.

                EXAMPLES
                  tapio bench aggregate
                  tapio bench aggregate --groups 100,100000 --json
                """
        )

        @OptionGroup var options: AggregateOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let results = options.measure()
            try BenchCommand.write(["aggregate": results], output) { BenchCommand.lines(results, $0) }
        }
    }

    /// How merging is measured.
    struct AggregateOptions: ParsableArguments {
        @Option(name: .customLong("groups"), help: ArgumentHelp("Groups, each a run.", valueName: "n,n"))
        var groupList = "1,100,5000,50000"

        @Option(name: .customLong("merges"), help: ArgumentHelp("Events of each run.", valueName: "n"))
        var events = 4_000_000

        private var groups: [Int?] { groupList.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) } }

        func validate() throws {
            for group in groups where group.map({ (1...1_000_000).contains($0) }) != true {
                throw ValidationError("--groups \(groupList): numbers from 1 to 1000000, with commas between")
            }
            if !(1...1_000_000_000).contains(events) { throw ValidationError("--merges \(events): 1 to 1000000000") }
        }

        func measure() -> [AggregateBenchmark.Result] {
            groups.compactMap { $0 }.map { groups in
                var options = AggregateBenchmark.Options()
                options.events = events
                options.groups = groups
                return AggregateBenchmark(registry: CollectorRegistry.schemas, options: options).run()
            }
        }
    }

    static func lines(_ results: [AggregateBenchmark.Result], _ paint: Paint) -> [String] {
        if results.isEmpty { return [] }
        var table = TextTable([
            .right("GROUPS"), .right("CPU PER EVENT"), .right("MERGED"), .right("SUMMARIES"), .right("EVICTED"),
        ])
        for result in results {
            let share = HumanUnits.decimal(100 * Double(result.merged) / Double(max(1, result.events)), decimals: 1)
            table.row([
                HumanUnits.count(Int64(result.groups)), HumanUnits.decimal(result.nsPerEvent, decimals: 1) + " ns",
                share + " %", HumanUnits.count(Int64(result.summaries)), HumanUnits.count(Int64(result.evictions)),
            ])
        }
        let events = HumanUnits.count(Int64(results[0].events))
        return [paint(.bold, "aggregate") + "  \(events) events for each number of groups"]
            + table.lines(paint, indent: "  ")
    }
}
