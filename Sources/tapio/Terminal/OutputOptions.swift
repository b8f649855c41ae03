import ArgumentParser
import Glibc
import TapioEvents

/// The form of a command's output.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write JSON, for programs. Its keys are stable: some may be added, none changes.")
    var json = false

    @Flag(name: .customLong("no-color"), help: "No colours, whatever the terminal (as NO_COLOR).")
    var noColour = false

    /// Whether standard output gets colours.
    var usesColour: Bool { !json && !noColour && TerminalStyle.isWanted(descriptor: STDOUT_FILENO) }

    /// Paints for standard output.
    var paint: Paint { Paint(usesColour: usesColour) }
}

/// Applies styles where they are wanted.
struct Paint: Sendable {
    let usesColour: Bool

    func callAsFunction(_ style: TerminalStyle, _ text: String) -> String {
        usesColour ? style.paint(text) : text
    }
}
