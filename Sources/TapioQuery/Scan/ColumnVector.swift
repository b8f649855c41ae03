/// A column of a row group in memory: an entry per row.
public struct ColumnVector: Sendable {
    /// The values. Rows without one hold anything, or ``TextVector/noValue``.
    public enum Values: Sendable {
        /// Of int32, int64 and timestamp columns; timestamps in microseconds since 1970, UTC.
        case integers([Int64])
        /// Of double columns.
        case doubles([Double])
        /// Of string columns.
        case texts(TextVector)
    }

    /// The values.
    public var values: Values
    /// A bit per row, lowest first, set where there is a value; nil when all rows have one.
    public var validity: [UInt64]?

    /// A column of these values.
    public init(_ values: Values, validity: [UInt64]? = nil) {
        self.values = values
        self.validity = validity
    }

    /// Whether `row` has a value.
    @inline(__always)
    func isValid(_ row: Int) -> Bool {
        guard let validity else { return true }
        return validity[row >> 6] >> UInt64(row & 63) & 1 != 0
    }
}

/// Strings by dictionary entry, so that a predicate is evaluated once per entry.
///
/// An entry may occur twice, and where a column has no dictionary each row has its own.
public struct TextVector: Sendable {
    /// The index of rows without a value.
    public static let noValue = UInt32.max

    /// All entries one after another, UTF-8.
    public var bytes: [UInt8]
    /// `offsets[i]..<offsets[i + 1]` is entry `i` in `bytes`.
    public var offsets: [UInt32]
    /// By row, the place of its entry, or ``noValue``.
    public var indices: [UInt32]

    /// Takes over dictionary and indices.
    ///
    /// - Precondition: every index is below `offsets.count - 1`, or ``noValue``.
    public init(bytes: [UInt8], offsets: [UInt32], indices: [UInt32]) {
        self.bytes = bytes
        self.offsets = offsets
        self.indices = indices
    }

    /// The number of entries.
    public var entryCount: Int { offsets.count - 1 }

    /// The bytes of an entry.
    public func entry(_ index: Int) -> ArraySlice<UInt8> { bytes[Int(offsets[index])..<Int(offsets[index + 1])] }

    /// An entry as text; bytes that are no UTF-8 are replaced.
    public func text(_ index: Int) -> String { String(decoding: entry(index), as: UTF8.self) }
}
