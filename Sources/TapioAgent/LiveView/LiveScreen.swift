import TapioEvents

/// Redraws a block of lines in place: escape codes from what was drawn before and what is to be drawn now. Pure: the
/// caller writes.
struct LiveScreen: Sendable {
    private var drawnRows = 0
    private var drawnColumns = 0

    /// What brings the terminal from the last frame to this one. After a resize the old lines may be wrapped: the rows that
    /// they take now are counted anew.
    mutating func draw(_ lines: [String], widths: [Int], size: TerminalSize) -> String {
        var text = erase(columns: size.columns)
        text += lines.map { $0 + "\u{1b}[K\n" }.joined()
        drawnRows = lines.count
        drawnWidths = widths
        drawnColumns = size.columns
        return text
    }

    /// What removes the last frame.
    mutating func erase(columns: Int) -> String {
        guard drawnRows > 0 else { return "" }
        var rows = drawnRows
        if columns < drawnColumns, columns > 0 {
            rows = drawnWidths.reduce(0) { $0 + max(1, ($1 + columns - 1) / columns) }
        }
        drawnRows = 0
        return "\u{1b}[\(rows)A\r\u{1b}[J"
    }

    private var drawnWidths: [Int] = []
}
