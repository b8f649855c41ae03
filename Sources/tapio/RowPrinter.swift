import Glibc
import TapioAgent
import TapioEvents

/// Single events as lines: JSON, a line for people, or the selected fields.
struct RowPrinter {
    private let isJSON: Bool
    private let isRaw: Bool
    private let line: EventLine

    /// - Parameter isRaw: Only the selected fields, as `name=value`, and not the line that suits the kind.
    init(output: OutputOptions, isRaw: Bool = false) {
        isJSON = output.json
        self.isRaw = isRaw
        // A line that goes into a pipe or file is never cut.
        let width = output.json ? nil : TerminalSize(descriptor: STDOUT_FILENO)?.columns
        line = EventLine(usesColour: output.usesColour, width: width)
    }

    func text(_ event: DecodedEvent) -> String {
        if isJSON { return JSONText.line(event) }
        guard isRaw else { return line.text(event) }
        return event.values.map { "\($0.column.name)=\(RowPrinter.value($0.value))" }.joined(separator: " ")
    }

    private static func value(_ value: EventValue) -> String {
        switch value {
        case .null: "-"
        case .int(let number): String(number)
        case .double(let number): HumanUnits.decimal(number)
        case .timestamp(let us): HumanTime.rfc3339(microseconds: us)
        case .string(let text):
            text.contains(" ") || text.isEmpty ? "\"\(TerminalText.escape(text))\"" : TerminalText.escape(text)
        }
    }
}
