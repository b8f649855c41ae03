public import TapioArchive
public import TapioEvents

/// Makes row groups of sealed batches. One thread owns it and uses it again and again.
public final class BatchEncoder {
    /// An encoder for the table of `registry`.
    public init(registry: SchemaRegistry, compressionLevel: Int32 = 1) {
    }

    /// Sorts, gathers and compresses the rows of `batch`, which keeps them.
    public func encode(_ batch: RowBatch, clock: ClockOffset) -> ArchiveBatch {
        fatalError()
    }
}

extension SchemaRegistry {
    /// The table as a Parquet schema.
    public var parquetSchema: ParquetSchema {
        ParquetSchema(
            columns: columns.map { column in
                ParquetColumn(
                    name: column.name,
                    type: ParquetType(column.type),
                    isRequired: column.isRequired,
                    fieldID: column.id
                )
            }
        )
    }
}

extension ParquetType {
    /// The physical side of a column's type.
    init(_ type: ColumnType) {
        switch type {
        case .int32: self = .int32
        case .int64: self = .int64
        case .double: self = .double
        case .string: self = .string
        case .timestamp: self = .timestampMicros
        }
    }
}
