import ArgumentParser
import TapioEvents

struct CatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Events as lines, in the order of time.",
        discussion: """
            EXAMPLES
              tapio cat --since 10m
            """
    )
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        throw CommandFailure(.failed, "not yet")
    }
}
