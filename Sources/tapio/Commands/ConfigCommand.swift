import ArgumentParser
import Foundation
import TapioAgent
import TapioEvents

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check the configuration, show what holds, or write the defaults.",
        discussion: """
            Later ones win: defaults, the file, <file>.d/*.yaml, TAPIO_… variables, flags.

            EXAMPLES
              tapio config check --config new.yaml
              tapio config show
              tapio config default > /etc/tapio/tapio.yaml
            """,
        subcommands: [Check.self, Show.self, Default.self]
    )

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check it as the agent would, without touching anything.",
            discussion: """
                Exit code 2 with a line for each error, as compilers write them: file, line, column, key, what is \
                wrong and what to do.

                EXAMPLES
                  tapio config check
                  tapio config check --config new.yaml && install new.yaml /etc/tapio/tapio.yaml
                """
        )

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Answer: Encodable {
            var isValid: Bool
            var files: [String] = []
            var hash: String?
            var errors: [Entry] = []
        }

        private struct Entry: Encodable {
            var file: String?
            var line: Int?
            var column: Int?
            var key: String?
            var message: String
            var remedy: String
        }

        func run() throws {
            let out = Output()
            do {
                let loaded = try source.loadForAgent()
                let hash = Hexadecimal.text(loaded.configuration.fingerprint)
                if output.json {
                    try out.line(JSONOutput.text(Answer(isValid: true, files: loaded.files, hash: hash)))
                } else {
                    let files = loaded.files.map { TerminalText.escape($0) }.joined(separator: ", ")
                    try out.line(output.paint(.green, "valid") + ": \(files.isEmpty ? "defaults" : files) (\(hash))")
                }
            } catch let errors as ConfigurationErrors where output.json {
                let entries = errors.errors.map { error in
                    Entry(
                        file: error.file,
                        line: error.line,
                        column: error.column,
                        key: error.key,
                        message: error.message,
                        remedy: error.remedy
                    )
                }
                try out.line(JSONOutput.text(Answer(isValid: false, errors: entries)))
                try out.flush()
                throw ExitStatus.usage.code
            }
            try out.flush()
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every effective value, and where it was given.",
            discussion: """
                What it writes is a configuration file with the same meaning.

                EXAMPLES
                  tapio config show
                  tapio config show --set archive.path=/data | grep path
                  tapio config show --json | jq '."archive.path"'
                """
        )

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Value: Encodable {
            var value: String
            var origin: String
        }

        func run() throws {
            let loaded = try source.load()
            let out = Output()
            if output.json {
                let values = ConfigurationSchema.agent.keys.map { key in
                    let origin = loaded.origins[key.path] ?? .defaults
                    let value = key.value(in: loaded.configuration)
                    return (key.path, Value(value: value.description, origin: origin.description))
                }
                try out.line(JSONOutput.text(Dictionary(values, uniquingKeysWith: { first, _ in first })))
            } else {
                try out.line(String(ConfigurationSchema.agent.show(loaded).dropLast()))
            }
            try out.flush()
        }
    }

    struct Default: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every key with its default, meaning, unit and range.",
            discussion: """
                EXAMPLES
                  tapio config default > tapio.yaml
                  tapio config default --reference       The same as a Markdown table.
                """
        )

        @Flag(help: "As Markdown: docs/configuration.md is made from it.")
        var reference = false

        func run() throws {
            let out = Output()
            let text = reference ? ConfigurationSchema.agent.reference() : ConfigurationSchema.agent.defaultDocument()
            try out.line(text.last == "\n" ? String(text.dropLast()) : text)
            try out.flush()
        }
    }
}

/// 64 bits as 16 hexadecimal digits.
enum Hexadecimal {
    static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
