import ArgumentParser
import TapioCollectors
import TapioEvents
import TapioPipeline

extension BenchCommand {
    struct Archive: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the archive of an imagined node, to measure what reads it.",
            discussion: """
                Events with pods, 420,000 a second of their time; the same seed gives the same rows.

                EXAMPLES
                  tapio bench archive /var/tmp/archive --rows 8400000
                """,
            shouldDisplay: false
        )

        @Argument(help: ArgumentHelp("Where.", valueName: "directory"))
        var directory: String

        @Option(help: ArgumentHelp("Rows, at least.", valueName: "n"))
        var rows = 8_000_000

        @Option(help: ArgumentHelp("Row groups of a segment.", valueName: "n"))
        var segmentGroups = 64

        @Option(help: ArgumentHelp("Rows of a row group.", valueName: "n"))
        var groupRows = 65_536

        @Option(help: ArgumentHelp("Of the events.", valueName: "n"))
        var seed: UInt64 = 1

        func validate() throws {
            if !(1...1_000_000_000).contains(rows) { throw ValidationError("--rows \(rows): 1 to 1000000000") }
            if !(1...1_000_000).contains(segmentGroups) {
                throw ValidationError("--segment-groups \(segmentGroups): 1 to 1000000")
            }
            if !(100...1_000_000).contains(groupRows) {
                throw ValidationError("--group-rows \(groupRows): 100 to 1000000")
            }
        }

        func run() throws {
            var options = SyntheticArchive.Options()
            options.rows = rows
            options.groupRows = groupRows
            options.segmentGroups = segmentGroups
            options.seed = seed
            let archive = SyntheticArchive(registry: CollectorRegistry.schemas, options: options)
            let written = try archive.write(root: AbsolutePath.of(directory))
            let out = Output()
            try out.line("\(HumanUnits.count(Int64(written))) rows in \(TerminalText.escape(directory))")
            try out.flush()
        }
    }
}
