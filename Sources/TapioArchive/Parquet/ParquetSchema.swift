/// The columns of a file in their order: one flat table without nesting.
public struct ParquetSchema: Sendable, Hashable {
    /// The columns in file order.
    public let columns: [ParquetColumn]
    private let indices: [String: Int]

    /// Makes a schema. Where a name occurs twice, ``index(of:)`` finds the first.
    public init(columns: [ParquetColumn]) {
        self.columns = columns
        self.indices = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The place of the column called `name`, or nil. Constant time.
    public func index(of name: String) -> Int? { indices[name] }

    /// Two schemas are equal when their columns are.
    public static func == (left: Self, right: Self) -> Bool { left.columns == right.columns }

    /// Feeds the columns into `hasher`.
    public func hash(into hasher: inout Hasher) { hasher.combine(columns) }
}
