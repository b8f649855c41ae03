import ArgumentParser
import TapioEvents

struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Ask the archive.",
        discussion: """
            EXAMPLES
              tapio query --by kind
            """
    )
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        throw CommandFailure(.failed, "not yet")
    }
}
