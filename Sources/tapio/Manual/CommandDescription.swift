import ArgumentParser
import Foundation

/// A command as the argument parser describes it (its `--experimental-dump-help`): the parts that a manual page needs.
struct CommandDescription: Decodable {
    /// An option, a flag or an operand.
    struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String

            /// As it is typed.
            var spelling: String { (kind == "long" ? "--" : "-") + name }
        }

        var kind: String
        var shouldDisplay: Bool
        var isOptional: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var abstract: String?
        var discussion: String?
    }

    var superCommands: [String]?
    var shouldDisplay: Bool?
    var commandName: String
    var abstract: String?
    var discussion: String?
    var subcommands: [CommandDescription]?
    var arguments: [Argument]?

    /// The words that call it.
    var words: [String] { (superCommands ?? []) + [commandName] }

    /// This command and all below it that are shown, but for the parser's own.
    var all: [CommandDescription] {
        [self] + (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }.flatMap(\.all)
    }

    /// The whole program.
    static func program() throws -> CommandDescription {
        struct Dump: Decodable {
            var command: CommandDescription
        }
        return try JSONDecoder().decode(Dump.self, from: Data(Tapio._dumpHelp().utf8)).command
    }
}
