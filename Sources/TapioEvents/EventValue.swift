/// A value of a field, for people and JSON: never on the hot path.
public enum EventValue: Sendable, Hashable {
    case null
    case int(Int64)
    case double(Double)
    /// Repaired UTF-8; may hold control characters: escape it before a terminal sees it.
    case string(String)
    /// Microseconds since 1970, UTC.
    case timestamp(Int64)
}

/// An event as a person reads it: values by column, in the order of the table.
public struct DecodedEvent: Sendable, Hashable {
    /// The values. A row of the archive or a record: both print alike.
    public var values: [(column: Column, value: EventValue)]

    /// An event of these values.
    public init(values: [(column: Column, value: EventValue)]) {
        self.values = values
    }

    /// The value of the column of that name; null where it has none.
    public subscript(_ name: String) -> EventValue {
        values.first { $0.column.name == name }?.value ?? .null
    }

    /// Whether all columns and values are the same, in the same order.
    public static func == (left: DecodedEvent, right: DecodedEvent) -> Bool {
        left.values.count == right.values.count
            && zip(left.values, right.values).allSatisfy { $0.column == $1.column && $0.value == $1.value }
    }

    /// Hashes columns and values in their order.
    public func hash(into hasher: inout Hasher) {
        for (column, value) in values {
            hasher.combine(column)
            hasher.combine(value)
        }
    }
}
