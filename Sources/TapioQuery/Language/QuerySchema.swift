public import TapioEvents

/// The names that a query may use.
public struct QuerySchema: Sendable {
    /// The fields, in the archive's order.
    public let columns: [Column]
    /// Known kinds; empty where none is known, and then any is accepted.
    public let kinds: [String]
    private let index: [String: Int]

    /// A schema of these columns; of two with one name, the first counts.
    public init(columns: [Column], kinds: [String]) {
        var index: [String: Int] = [:]
        var unique: [Column] = []
        for column in columns where index[column.name] == nil {
            index[column.name] = unique.count
            unique.append(column)
        }
        self.columns = unique
        self.kinds = Array(Set(kinds)).sorted()
        self.index = index
    }

    /// All that an agent of this version can write.
    public init(_ registry: SchemaRegistry) {
        self.init(columns: registry.columns, kinds: registry.schemas.map(\.name))
    }

    /// The schema with what an archive of another version has besides.
    public func adding(columns more: [Column], kinds others: [String]) -> QuerySchema {
        QuerySchema(columns: columns + more, kinds: kinds + others)
    }

    /// The column of that name.
    public subscript(_ name: String) -> Column? { index[name].map { columns[$0] } }

    /// The column of that name, or an error with the nearest one.
    func column(_ name: String, in text: String, at range: Range<Int>) throws(QueryError) -> Column {
        if let column = self[name] { return column }
        throw QueryError("no field \"\(name)\"" + NearestName.hint(name, in: columns.map(\.name)), in: text, at: range)
    }
}
