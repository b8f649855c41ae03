/// The part of a file's metadata that doesn't depend on a row group, and what puts both together.
public enum ParquetMetadata {
    /// The four bytes that a file starts and ends with.
    public static let magic: [UInt8] = Array("PAR1".utf8)

    /// A complete Thrift-compact FileMetaData, without the length and `PAR1` that follow it in a file.
    ///
    /// - Parameters:
    ///   - schema: The columns.
    ///   - rowCount: Rows of all groups together.
    ///   - rowGroups: The structs from ``EncodedRowGroup/metadata(at:)``, in file order.
    ///   - keyValues: Free text pairs, in the order in which readers list them.
    ///   - createdBy: The writer, best as `<name> version <x.y.z>`, which is what other readers can parse.
    public static func fileMetaData(
        schema: ParquetSchema,
        rowCount: Int64,
        rowGroups: [[UInt8]],
        keyValues: [(String, String)],
        createdBy: String
    ) -> [UInt8] {
        let groupBytes = rowGroups.reduce(0) { $0 + $1.count }
        var writer = ThriftCompactWriter(capacity: groupBytes + schema.columns.count * 48 + 1024)
        writer.int32(1, 2)
        writer.list(2, of: .structure, count: schema.columns.count + 1)
        writer.beginElement()
        writer.string(4, "schema")
        writer.int32(5, Int32(schema.columns.count))
        writer.endStructure()
        for column in schema.columns { column.write(to: &writer) }
        writer.int64(3, rowCount)
        writer.list(4, of: .structure, count: rowGroups.count)
        for group in rowGroups { writer.element(encoded: group) }
        if !keyValues.isEmpty {
            writer.list(5, of: .structure, count: keyValues.count)
            for (key, value) in keyValues {
                writer.beginElement()
                writer.string(1, key)
                writer.string(2, value)
                writer.endStructure()
            }
        }
        writer.string(6, createdBy)
        writer.list(7, of: .structure, count: schema.columns.count)
        for _ in schema.columns {
            writer.beginElement()
            writer.beginStructure(1)  // TYPE_ORDER: the order that the type defines
            writer.endStructure()
            writer.endStructure()
        }
        return writer.finish()
    }
}

extension ParquetColumn {
    /// Appends the SchemaElement struct, as an element of a list. Plain integers and doubles need no annotation.
    fileprivate func write(to writer: inout ThriftCompactWriter) {
        writer.beginElement()
        writer.int32(1, type.physicalType.rawValue)
        writer.int32(3, isRequired ? 0 : 1)
        writer.string(4, name)
        switch type {
        case .string: writer.int32(6, ConvertedType.utf8)
        case .timestampMicros: writer.int32(6, ConvertedType.timestampMicros)
        case .int32, .int64, .double: break
        }
        writer.int32(9, fieldID)
        switch type {
        case .string:
            writer.beginStructure(10)
            writer.beginStructure(LogicalType.string)
            writer.endStructure()
            writer.endStructure()
        case .timestampMicros:
            writer.beginStructure(10)
            writer.beginStructure(LogicalType.timestamp)
            writer.bool(1, true)  // isAdjustedToUTC
            writer.beginStructure(2)  // unit
            writer.beginStructure(2)  // MICROS
            writer.endStructure()
            writer.endStructure()
            writer.endStructure()
            writer.endStructure()
        case .int32, .int64, .double: break
        }
        writer.endStructure()
    }
}

/// Numbers of the Parquet format's `ConvertedType` that are in use here.
enum ConvertedType {
    static let utf8: Int32 = 0
    static let timestampMicros: Int32 = 10
}

/// Field numbers of the Parquet format's `LogicalType` union that are in use here.
enum LogicalType {
    static let string: Int16 = 1
    static let timestamp: Int16 = 8
}
