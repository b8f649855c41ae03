/// Brings a whole screen from one frame to the next, writing only the lines that changed. Pure: the caller writes.
public struct ScreenDiff: Sendable {
    private var shown: [String] = []
    private var size: TerminalSize?

    /// A terminal of which is not known what it shows.
    public init() {}

    /// What brings the terminal from the last frame to this one. After a resize everything is drawn anew.
    mutating func draw(_ lines: [ViewLine], size: TerminalSize, usesColour: Bool) -> String {
        var text = ""
        if self.size != size {
            text = "\u{1b}[2J"
            shown = []
            self.size = size
        }
        var next: [String] = []
        for row in 0..<size.rows {
            let line = row < lines.count ? lines[row] : ViewLine()
            let painted = line.painted(columns: size.columns, usesColour: usesColour)
            next.append(painted)
            if painted == (row < shown.count ? shown[row] : "") { continue }
            text += "\u{1b}[\(row + 1);1H" + painted
            // Behind a full line the cursor stands on its last character, which this would take away.
            if line.width < size.columns { text += "\u{1b}[K" }
        }
        shown = next
        return text
    }

    /// What the terminal shows is not known any more: the next frame is drawn as a whole.
    public mutating func forget() { size = nil }
}
