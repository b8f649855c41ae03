/// A column of a file, as its schema declares it.
public struct ParquetColumn: Sendable, Hashable {
    /// The column's name; carries its unit (`duration_ns`).
    public let name: String
    /// What it holds.
    public let type: ParquetType
    /// Whether each row has a value. A required column has no validity bitmap.
    public let isRequired: Bool
    /// A number that stays with the column for good, whatever happens to its name.
    public let fieldID: Int32

    /// Makes a column.
    public init(name: String, type: ParquetType, isRequired: Bool, fieldID: Int32) {
        self.name = name
        self.type = type
        self.isRequired = isRequired
        self.fieldID = fieldID
    }
}
