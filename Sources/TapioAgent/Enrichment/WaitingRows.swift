/// Rows of tables that wait to be written. There are so many at most; those beyond are counted.
struct WaitingRows<Row: Sendable>: Sendable {
    private let most: Int
    private var rows: [Row] = []
    /// Rows that found no place.
    private(set) var refused: UInt64 = 0

    init(most: Int) {
        self.most = most
    }

    var count: Int { rows.count }

    subscript(_ place: Int) -> Row {
        get { rows[place] }
        set { rows[place] = newValue }
    }

    /// - Returns: Whether there was a place.
    @discardableResult
    mutating func append(_ row: @autoclosure () -> Row) -> Bool {
        guard rows.count < most else {
            refused += 1
            return false
        }
        rows.append(row())
        return true
    }

    /// The rows since the last time.
    mutating func take() -> [Row] {
        defer { rows = [] }
        return rows
    }
}
