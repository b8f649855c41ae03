import TapioEvents

/// Rows in columns for `tapio top`: of a width that is given, not of that of what is in them, so that nothing jumps.
struct TopTable {
    /// A column.
    struct Column {
        let title: String
        /// Columns of the terminal; 0 for what is left.
        var width: Int
        let isRight: Bool

        static func left(_ title: String, _ width: Int) -> Column { Column(title: title, width: width, isRight: false) }
        static func right(_ title: String, _ width: Int) -> Column { Column(title: title, width: width, isRight: true) }
        /// Takes what the others leave, within these bounds.
        static func rest(_ title: String) -> Column { left(title, 0) }
    }

    /// A cell's text, which is escaped already.
    struct Cell {
        let text: String
        let style: TerminalStyle

        init(_ text: String, _ style: TerminalStyle = .plain) {
            self.text = text
            self.style = style
        }
    }

    private var columns: [Column]
    private(set) var lines: [ViewLine] = []

    /// The heading, for so many columns of the terminal.
    init(_ columns: [Column], width: Int, longest: Int = 60) {
        let fixed = columns.reduce(columns.count - 1) { $0 + $1.width }
        self.columns = columns
        for index in columns.indices where columns[index].width == 0 {
            self.columns[index].width = min(longest, max(8, width - fixed))
        }
        row(columns.map { Cell($0.title, .faint) })
    }

    /// Adds a row.
    mutating func row(_ cells: [Cell]) {
        var line = ViewLine()
        for (position, (column, cell)) in zip(columns, cells).enumerated() {
            let text = TerminalText.cut(cell.text, to: column.width)
            let filled = column.isRight ? ViewLine.toRight(text, column.width) : ViewLine.toLeft(text, column.width)
            line.append(position == 0 ? "" : " ")
            line.append(filled, cell.style)
        }
        lines.append(line)
    }
}
