import Glibc
import TapioAgent
import TapioEvents

/// Single events as lines: JSON, or a line for people.
struct RowPrinter {
    private let isJSON: Bool
    private let line: EventLine

    init(output: OutputOptions) {
        isJSON = output.json
        // A line that goes into a pipe or file is never cut.
        let width = output.json ? nil : TerminalSize(descriptor: STDOUT_FILENO)?.columns
        line = EventLine(usesColour: output.usesColour, width: width)
    }

    func text(_ event: DecodedEvent) -> String { isJSON ? JSONText.line(event) : line.text(event) }
}
