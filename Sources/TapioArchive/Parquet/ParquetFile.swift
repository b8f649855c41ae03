/// A Parquet file's metadata, and through it access to its columns.
///
/// It reads what ``RowGroupEncoder`` writes: flat columns of the types in ``ParquetType``, version 1 data pages, zstd or no
/// compression. All else ends in a ``ParquetError`` that says what is unsupported. Nothing in a file is trusted: each
/// offset, size and count is checked before it is used, and what is allocated is bounded by the file's size and `ReaderLimit`.
///
/// The bytes themselves are not kept: pass the same ones (a mapping, or an array's `span.bytes`) to the reading functions.
public struct ParquetFile: Sendable {
    /// The columns.
    public let schema: ParquetSchema
    /// Rows of all groups.
    public let rowCount: Int
    /// The groups in file order.
    public let rowGroups: [RowGroupInfo]
    /// Free text pairs.
    public let keyValues: [(key: String, value: String)]
    /// The writer's name; empty when the file doesn't say.
    public let createdBy: String

    /// Reads the footer of a complete file.
    public init(bytes: RawSpan) throws(ParquetError) {
        let count = bytes.byteCount
        guard count >= 12 else { throw ParquetError(.truncated, "a file of \(count) bytes is no Parquet file") }
        guard bytes.copy(0..<4) == ParquetMetadata.magic else {
            throw ParquetError(.malformed, "no PAR1 at the start", offset: 0)
        }
        let tail = bytes.copy(count - 8..<count)
        guard Array(tail[4...]) == ParquetMetadata.magic else {
            throw ParquetError(.truncated, "no PAR1 at the end: the file was not completed", offset: count - 4)
        }
        let length = tail[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= count - 12 else {
            throw ParquetError(.malformed, "footer of \(length) bytes in a file of \(count)", offset: count - 8)
        }
        guard length <= ReaderLimit.footerBytes else {
            throw ParquetError(.limit, "footer of \(length) bytes", offset: count - 8)
        }
        let start = count - 8 - length
        do {
            try self.init(fileMetaData: bytes.copy(start..<start + length))
        } catch {
            var located = error
            if let inner = error.offset { located.offset = start + inner }
            throw located
        }
    }

    /// Reads the footer of a complete file.
    public init(bytes: [UInt8]) throws(ParquetError) { try self.init(bytes: unsafe bytes.span.bytes) }

    /// Reads a FileMetaData struct, as ``ParquetMetadata/fileMetaData(schema:rowCount:rowGroups:keyValues:createdBy:)``
    /// makes it.
    public init(fileMetaData bytes: [UInt8]) throws(ParquetError) {
        var reader = ThriftCompactReader(bytes)
        var elements: [SchemaElement] = []
        var rows: Int64?
        var groups: [RowGroupInfo] = []
        var pairs: [(key: String, value: String)] = []
        var creator = ""
        try reader.structure { (reader, field) throws(ParquetError) in
            switch field.number {
            case 2:
                try reader.list(field, of: .structure) { (reader) throws(ParquetError) in
                    elements.append(try reader.schemaElement())
                }
            case 3: rows = try reader.int64(field)
            case 4:
                try reader.list(field, of: .structure) { (reader) throws(ParquetError) in
                    groups.append(try reader.rowGroup())
                }
            case 5:
                try reader.list(field, of: .structure) { (reader) throws(ParquetError) in
                    pairs.append(try reader.keyValue())
                }
            case 6: creator = try reader.string(field)
            default: try reader.skip(field)
            }
        }
        schema = try Self.schema(from: elements)
        rowGroups = groups
        keyValues = pairs
        createdBy = creator
        var total = 0
        for group in groups {
            total += group.rowCount
            try Self.check(group, against: schema)
        }
        guard let rows, rows == total else {
            throw ParquetError(.malformed, "the file says \(rows ?? -1) rows, its groups \(total)")
        }
        rowCount = total
    }

    /// Reads a column of a group.
    ///
    /// - Parameters:
    ///   - group: Place in ``rowGroups``.
    ///   - column: Place in the schema.
    ///   - bytes: The whole file.
    public func readColumn(group: Int, column: Int, from bytes: RawSpan) throws(ParquetError) -> ColumnData {
        guard rowGroups.indices.contains(group) else { throw ParquetError(.malformed, "no row group \(group)") }
        return try Self.readColumn(of: rowGroups[group], schema: schema, column: column, from: bytes)
    }

    /// Reads a column of a group.
    public func readColumn(group: Int, column: Int, from bytes: [UInt8]) throws(ParquetError) -> ColumnData {
        unsafe try readColumn(group: group, column: column, from: bytes.span.bytes)
    }

    /// Reads a column of a group whose metadata stands alone, as in a frame of a file that was not completed.
    ///
    /// - Parameters:
    ///   - group: From ``ParquetMetadata/parseRowGroup(_:)``.
    ///   - schema: The columns that the group should have.
    ///   - column: Place in the schema.
    ///   - bytes: The file from its first byte.
    public static func readColumn(
        of group: RowGroupInfo,
        schema: ParquetSchema,
        column: Int,
        from bytes: RawSpan
    ) throws(ParquetError) -> ColumnData {
        try check(group, against: schema)
        guard schema.columns.indices.contains(column) else { throw ParquetError(.malformed, "no column \(column)") }
        var reader = ColumnChunkReader(chunk: group.columns[column], column: schema.columns[column])
        do {
            return try reader.read(rowCount: group.rowCount, from: bytes)
        } catch {
            var located = error
            located.column = schema.columns[column].name
            located.offset = located.offset ?? reader.position
            throw located
        }
    }

    private static func check(_ group: RowGroupInfo, against schema: ParquetSchema) throws(ParquetError) {
        guard group.columns.count == schema.columns.count else {
            throw ParquetError(.malformed, "group of \(group.columns.count) columns, schema of \(schema.columns.count)")
        }
        for (chunk, column) in zip(group.columns, schema.columns)
        where chunk.name != column.name || chunk.physicalType != column.type.physicalType {
            throw ParquetError(.malformed, "chunk \(chunk.name) doesn't fit the schema", column: column.name)
        }
    }

    private static func schema(from elements: [SchemaElement]) throws(ParquetError) -> ParquetSchema {
        guard let root = elements.first, root.childCount == elements.count - 1 else {
            throw ParquetError(.unsupported, "the schema is not one flat list of columns")
        }
        var columns: [ParquetColumn] = []
        for element in elements.dropFirst() { columns.append(try element.column()) }
        return ParquetSchema(columns: columns)
    }
}

extension RawSpan {
    /// Copies a range out. Traps when it is outside.
    func copy(_ range: Range<Int>) -> [UInt8] {
        let part = extracting(range)
        return unsafe part.withUnsafeBytes { unsafe Array($0) }
    }
}
