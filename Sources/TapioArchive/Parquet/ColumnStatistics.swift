/// What a column chunk's values lie between, and how many are missing.
///
/// Bounds of strings are cut at 64 bytes: `minimum` is then a prefix, `maximum` a prefix whose last character is one
/// higher, so both still enclose every value. A chunk with NaN, or without any value, has no bounds.
public struct ColumnStatistics: Sendable, Hashable {
    /// A bound.
    public enum Value: Sendable, Hashable {
        /// Of an int32, int64 or timestamp column.
        case integer(Int64)
        /// Of a double column.
        case double(Double)
        /// Of a string column: UTF-8, compared byte by byte.
        case string([UInt8])
    }

    /// Rows without a value; nil when the file doesn't say.
    public let nullCount: Int?
    /// No value is below it.
    public let minimum: Value?
    /// No value is above it.
    public let maximum: Value?
    /// Whether `minimum` occurs (rather than being cut).
    public let isMinimumExact: Bool
    /// Whether `maximum` occurs (rather than being cut).
    public let isMaximumExact: Bool

    /// Makes statistics.
    public init(
        nullCount: Int?,
        minimum: Value? = nil,
        maximum: Value? = nil,
        isMinimumExact: Bool = true,
        isMaximumExact: Bool = true
    ) {
        self.nullCount = nullCount
        self.minimum = minimum
        self.maximum = maximum
        self.isMinimumExact = isMinimumExact
        self.isMaximumExact = isMaximumExact
    }
}

extension ColumnStatistics.Value {
    /// The value as a PLAIN-encoded Parquet value without a length, as Statistics wants it.
    func encoded(as type: PhysicalType) -> [UInt8] {
        switch self {
        case .integer(let value):
            type == .int32
                ? littleEndianBytes(UInt32(truncatingIfNeeded: value), count: 4)
                : littleEndianBytes(UInt64(bitPattern: value), count: 8)
        case .double(let value): littleEndianBytes(value.bitPattern, count: 8)
        case .string(let bytes): bytes
        }
    }

    private func littleEndianBytes(_ value: some FixedWidthInteger, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
