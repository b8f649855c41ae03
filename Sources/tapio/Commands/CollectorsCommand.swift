import ArgumentParser
import TapioAgent
import TapioCollectors
import TapioEvents
import TapioKernel

struct CollectorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collectors",
        abstract: "The collectors of this build: what they watch, what they need, how they are.",
        discussion: """
            The state is the running agent's; without one it is a dash. What stands in the way on this machine is \
            tapio doctor's to say.

            EXAMPLES
              tapio collectors
              tapio collectors --json | jq -r '.[].kinds[]'
            """
    )

    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    private struct Entry: Encodable {
        var name: String
        var summary: String
        var kinds: [String]
        var tracepoints: [String]
        var options: [Option]
        /// Null where no agent answers.
        var state: String?
        var error: String?
    }

    private struct Option: Encodable {
        var name: String
        var minimum: Int
        var maximum: Int
        var defaultValue: Int
        /// Range and default as an operator writes them; the numbers are bytes, nanoseconds, or 1 and 0 for true and false.
        var values: String
        var summary: String
    }

    /// Range and default in the configuration's notation.
    private static func values(of option: CollectorOption) -> String {
        if case .list = option.form {
            return "up to \(option.range.upperBound), default \(ConfigurationValue.list(option.defaultTexts))"
        }
        if case .choice(let words) = option.form {
            return "one of \(words.joined(separator: ", ")), default \(words[option.defaultValue])"
        }
        func text(_ value: Int) -> String {
            switch option.form {
            case .number, .percent, .choice, .list: String(value)
            case .flag: ConfigurationValue.flag(value != 0).description
            case .duration: ConfigurationValue.duration(UInt64(value)).description
            }
        }
        let (least, most) = (text(option.range.lowerBound), text(option.range.upperBound))
        let range = option.form == .flag ? "\(most) or \(least)" : "\(least) to \(most)"
        return "\(range), default \(text(option.defaultValue))"
    }

    func run() throws {
        let states = (try? agent.client.status())?.collectors ?? []
        let entries = CollectorRegistry.all.map { collector in
            let state = states.first { $0.name == collector.name }
            return Entry(
                name: collector.name,
                summary: collector.summary,
                kinds: collector.schemas.map(\.name),
                tracepoints: collector.tracepoints.map(\.name),
                options: collector.options.map { option in
                    Option(
                        name: option.name,
                        minimum: option.range.lowerBound,
                        maximum: option.range.upperBound,
                        defaultValue: option.defaultValue,
                        values: Self.values(of: option),
                        summary: option.summary
                    )
                },
                state: state?.state,
                error: state?.error
            )
        }
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(entries))
        } else {
            for (index, entry) in entries.enumerated() {
                if index > 0 { try out.line() }
                for line in lines(entry) { try out.line(line) }
            }
        }
        try out.flush()
    }

    private func lines(_ entry: Entry) -> [String] {
        let paint = output.paint
        let state = entry.state.map { paint(StatusText.style(ofState: $0), TerminalText.escape($0)) }
        var lines = ["\(paint(.bold, entry.name))  \(state ?? paint(.faint, "—"))  \(entry.summary)"]
        var table = TextTable([.left(""), .left("")])
        table.row(["kinds", entry.kinds.joined(separator: ", ")])
        if !entry.tracepoints.isEmpty { table.row(["needs", entry.tracepoints.joined(separator: ", ")]) }
        for option in entry.options {
            let name = "collectors.\(entry.name).\(option.name)"
            table.row([
                "option",
                "\(name) (\(option.values)): \(option.summary)",
            ])
        }
        if let error = entry.error {
            let isFault = entry.state != "unavailable"
            table.row([(isFault ? "error" : "why", isFault ? .red : .plain), (error, isFault ? .red : .plain)])
        }
        lines += table.lines(paint, indent: "  ")
        return lines
    }
}
