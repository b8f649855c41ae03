import TapioEvents

/// A line of a view: texts in a style each. What is put in is escaped already.
struct ViewLine: Sendable {
    private var runs: [(text: String, style: TerminalStyle)] = []

    /// An empty line.
    init() {}

    /// A line that begins so.
    init(_ text: String, _ style: TerminalStyle = .plain) {
        append(text, style)
    }

    /// Adds a text at the end.
    mutating func append(_ text: String, _ style: TerminalStyle = .plain) {
        runs.append((text, style))
    }

    /// Adds a line at the end.
    mutating func append(_ line: ViewLine) {
        runs += line.runs
    }

    /// Columns that it needs.
    var width: Int { runs.reduce(0) { $0 + TerminalText.width(of: $1.text) } }

    /// As wide as that: cut, or filled up with spaces.
    func fitted(_ columns: Int) -> ViewLine {
        var line = cut(columns)
        line.append(String(repeating: " ", count: max(0, columns - line.width)))
        return line
    }

    /// For a terminal of so many columns.
    func painted(columns: Int, usesColour: Bool) -> String {
        cut(columns).runs.reduce("") { $0 + (usesColour ? $1.style.paint($1.text) : $1.text) }
    }

    private func cut(_ columns: Int) -> ViewLine {
        var room = columns
        var line = ViewLine()
        for run in runs where room > 0 {
            let text = TerminalText.cut(run.text, to: room)
            room -= TerminalText.width(of: text)
            line.append(text, run.style)
        }
        return line
    }

    /// `text` at the right end of so many columns.
    static func toRight(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - TerminalText.width(of: text))) + text
    }

    /// `text` at the left end of so many columns.
    static func toLeft(_ text: String, _ columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - TerminalText.width(of: text)))
    }
}
