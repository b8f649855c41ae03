import TapioEvents

/// Rows in aligned columns, for people. Cells are escaped when they are added.
struct TextTable {
    /// A column's heading and which side its cells keep to.
    struct Column {
        let title: String
        let isRight: Bool

        static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
        static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
    }

    private struct Cell {
        let text: String
        let style: TerminalStyle
    }

    /// Columns that one cell takes at most.
    static let maxCellWidth = 200

    private let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    var isEmpty: Bool { rows.isEmpty }

    /// Adds a row; missing cells are empty.
    mutating func row(_ cells: [String], style: TerminalStyle = .plain) {
        rows.append(cells.map { Cell(text: TerminalText.escape($0, limit: TextTable.maxCellWidth), style: style) })
    }

    /// The same with a style for each cell.
    mutating func row(_ cells: [(String, TerminalStyle)]) {
        rows.append(cells.map { Cell(text: TerminalText.escape($0.0, limit: TextTable.maxCellWidth), style: $0.1) })
    }

    /// The lines, each begun with `indent`.
    func lines(_ paint: Paint, indent: String = "") -> [String] {
        let heading = columns.map { Cell(text: $0.title, style: .faint) }
        let isHeaded = columns.contains { !$0.title.isEmpty }
        let all = (isHeaded ? [heading] : []) + rows
        let widths = columns.indices.map { column in
            all.map { column < $0.count ? TerminalText.width(of: $0[column].text) : 0 }.max() ?? 0
        }
        return all.map { row in
            var line = indent
            var blanks = ""
            for (column, cell) in row.enumerated() {
                let filler = String(repeating: " ", count: widths[column] - TerminalText.width(of: cell.text))
                let painted = cell.text.isEmpty ? "" : paint(cell.style, cell.text)
                if columns[column].isRight {
                    line += blanks + filler + painted
                    blanks = "  "
                } else {
                    line += blanks + painted
                    blanks = filler + "  "
                }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
