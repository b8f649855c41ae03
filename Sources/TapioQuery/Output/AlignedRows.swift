public import TapioEvents

/// Rows as an aligned table that is written while they come: how wide columns are is known from the first rows, which are
/// held back until then. A later value that is wider moves the rest of its line.
public struct AlignedRows {
    /// Rows that are held back at most.
    public static let mostHeld = 1000

    private let columns: [ResultColumn]
    private let most: Int
    private var held: [[String]] = []
    private var layout: TableLayout
    private var isHeaderWritten = false

    /// - Parameter holdsBack: False for rows that have to be seen when they come: then a type tells how wide its column is.
    public init(_ columns: [ResultColumn], holdsBack: Bool = true) {
        self.columns = columns
        most = holdsBack ? AlignedRows.mostHeld : 0
        layout = TableLayout(titles: columns.map(\.name), isNumeric: columns.map(\.isNumeric))
        if !holdsBack { layout.widen(to: columns.map(\.usualWidth)) }
    }

    /// Takes a row, with a value for each column, and returns the lines that can be written by now.
    public mutating func add(_ values: [EventValue]) -> String {
        let cells = zip(values, columns).map { QueryOutput.cell($0, $1) }
        if isHeaderWritten { return layout.line(cells) }
        held.append(cells)
        return held.count > most ? finish() : ""
    }

    /// The lines that were held back; none where no row came.
    public mutating func finish() -> String {
        guard !held.isEmpty else { return "" }
        for cells in held { layout.widen(for: cells) }
        let lines = (isHeaderWritten ? "" : layout.header) + held.map(layout.line).joined()
        isHeaderWritten = true
        held = []
        return lines
    }
}

/// How wide the columns of a table are, in columns of a terminal.
struct TableLayout {
    private let titles: [String]
    private let isNumeric: [Bool]
    private var widths: [Int]

    /// Columns as wide as their titles; numbers stand on the right.
    init(titles: [String], isNumeric: [Bool]) {
        self.titles = titles
        self.isNumeric = isNumeric
        widths = titles.map { TerminalText.width(of: $0) }
    }

    mutating func widen(for cells: [String]) { widen(to: cells.map { TerminalText.width(of: $0) }) }

    mutating func widen(to least: [Int]) {
        for (index, width) in least.enumerated() { widths[index] = max(widths[index], width) }
    }

    var header: String { line(titles) }

    /// The cells of a row, its end included, without spaces before that.
    func line(_ cells: [String]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            let space = String(repeating: " ", count: max(0, widths[index] - TerminalText.width(of: cell)))
            if index > 0 { line += "  " }
            line += isNumeric[index] ? space + cell : cell + space
        }
        return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }
}

extension ResultColumn {
    var isNumeric: Bool { type != .string && type != .timestamp }

    /// What most of its values take.
    fileprivate var usualWidth: Int {
        switch type {
        case .timestamp: "2026-03-01T12:00:00.000000Z".count
        case .string: 16
        default: 8
        }
    }
}
