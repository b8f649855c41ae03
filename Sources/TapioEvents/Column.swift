/// What a column of the archive holds. Only types that every Parquet reader agrees on are used.
public enum ColumnType: String, Sendable, Codable {
    case int32
    case int64
    case double
    /// UTF-8. Invalid bytes are replaced by U+FFFD when it is written.
    case string
    /// Microseconds since 1970, UTC.
    case timestamp
}

/// The unit of a column's values.
public enum ColumnUnit: String, Sendable, Codable {
    case none = ""
    case nanoseconds = "ns"
    case microseconds = "us"
    case bytes
    case count
}

/// A column of the one wide table that an archive is.
///
/// Kinds share a column where the meaning is the same. A column's name, number and type never change.
public struct Column: Sendable, Hashable {
    /// The Parquet field id. Header 1–31, enrichment 32–63, shared payload 64–127, ledger 128–191, summaries
    /// 192–223; a collector whose kinds begin at N uses the ids from 16 N.
    public let id: Int32
    /// Lower case with underscores; carries the unit where the type does not say it.
    public let name: String
    /// The type of its values.
    public let type: ColumnType
    /// The unit of its values.
    public let unit: ColumnUnit
    /// Whether every row has a value.
    public let isRequired: Bool
    /// One line of documentation.
    public let summary: String

    /// Declares a column. `isRequired` is for columns that every kind fills.
    public init(
        _ id: Int32,
        _ name: String,
        _ type: ColumnType,
        unit: ColumnUnit = .none,
        isRequired: Bool = false,
        _ summary: String
    ) {
        self.id = id
        self.name = name
        self.type = type
        self.unit = unit
        self.isRequired = isRequired
        self.summary = summary
    }
}
