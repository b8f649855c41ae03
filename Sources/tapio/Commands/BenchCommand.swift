import ArgumentParser
import TapioEvents

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure on this machine what an event costs.",
        discussion: """
            Figures depend on the machine and its load: compare runs of one machine only.

            EXAMPLES
              tapio bench encode
              sudo tapio bench all --json
            """,
        subcommands: []
    )

    @OptionGroup var output: OutputOptions

    func run() throws {
        throw CommandFailure(.failed, "this build has no benchmarks yet")
    }
}
