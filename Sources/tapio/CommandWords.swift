import ArgumentParser
import TapioEvents
import TapioQuery

/// The words of a command line that name a command, looked at before the parser is asked: to it an unknown one is some value
/// too many, so that it complains about the first option instead, which is another command's.
enum CommandWords {
    /// Columns of a word that are shown.
    private static let shownColumns = 60

    /// Throws where a command is named that there is not, with the one that was perhaps meant.
    ///
    /// - Parameter arguments: What stands behind the program's name. Options before a command are the parser's matter.
    static func check(_ arguments: [String], of program: any ParsableCommand.Type = Tapio.self) throws(CommandFailure) {
        var words = arguments[...]
        // The parser's own command, whose operands are the names of another.
        while words.first == "help" { words.removeFirst() }
        var (command, path) = (program, "")
        while let word = words.popFirst(), !word.hasPrefix("-") {
            let configuration = command.configuration
            // Of other commands, and of a default one, words are operands.
            if configuration.subcommands.isEmpty || configuration.defaultSubcommand != nil { return }
            let isNamed = { (child: any ParsableCommand.Type) in
                child._commandName == word || child.configuration.aliases.contains(word)
            }
            guard let child = configuration.subcommands.first(where: isNamed) else {
                throw unknown(word, of: command, path)
            }
            (command, path) = (child, "\(path)\(child._commandName) ")
        }
    }

    /// - Parameter path: The commands in front of the word, each with a space behind it.
    private static func unknown(
        _ word: String,
        of command: any ParsableCommand.Type,
        _ path: String
    ) -> CommandFailure {
        // Those that are hidden are for programs.
        let shown = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }
        let names = shown.flatMap { [$0._commandName] + $0.configuration.aliases }
        let hint = NearestName.find(word, in: names).map { "did you mean '\(path)\($0)'?" } ?? "see tapio \(path)--help"
        let text = "there is no command '\(path)\(TerminalText.escape(word, limit: shownColumns))'"
        return CommandFailure(.usage, "\(text); \(hint)")
    }
}
