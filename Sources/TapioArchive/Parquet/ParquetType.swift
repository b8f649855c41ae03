/// What a column holds. Only these five are ever written: every reader that was tried agrees on them.
///
/// Timestamps in nanoseconds are left out on purpose: Spark refuses them and DuckDB cannot compare them.
public enum ParquetType: UInt8, Sendable, Hashable, CaseIterable {
    /// Signed, 32 bits.
    case int32
    /// Signed, 64 bits.
    case int64
    /// IEEE 754, 64 bits.
    case double
    /// UTF-8 text.
    case string
    /// Microseconds since 1970-01-01 00:00 UTC, in 64 bits.
    case timestampMicros

    /// The number of the physical type in the Parquet format's `Type` enumeration.
    var physicalType: PhysicalType {
        switch self {
        case .int32: .int32
        case .int64, .timestampMicros: .int64
        case .double: .double
        case .string: .byteArray
        }
    }
}

/// `Type` of the Parquet format: how a value's bytes are laid out.
enum PhysicalType: Int32, Sendable {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case int96 = 3
    case float = 4
    case double = 5
    case byteArray = 6
    case fixedLengthByteArray = 7
}

/// `CompressionCodec` of the Parquet format; the two that the reader knows.
enum PageCodec: Int32, Sendable {
    case uncompressed = 0
    case zstd = 6
}
