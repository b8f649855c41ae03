/// What a file's metadata says about a row group.
public struct RowGroupInfo: Sendable {
    /// A column's pages and what is known about them.
    public struct ColumnChunk: Sendable {
        /// The column's name.
        public let name: String
        /// The encodings that occur.
        public let encodings: ColumnEncodings
        /// Rows, those without a value included.
        public let valueCount: Int
        /// Bytes of all pages with their headers.
        public let compressedByteCount: Int
        /// The same before compression, as the file says.
        public let uncompressedByteCount: Int
        /// Where the data page starts in the file.
        public let dataPageOffset: Int
        /// Where the dictionary page starts in the file, if there is one.
        public let dictionaryPageOffset: Int?
        /// Bounds and number of missing values; nil when the file has none.
        public let statistics: ColumnStatistics?
        let physicalType: PhysicalType
        let codec: PageCodec

        /// The first byte of the chunk in the file.
        public var fileOffset: Int { min(dataPageOffset, dictionaryPageOffset ?? .max) }
    }

    /// Rows of the group.
    public let rowCount: Int
    /// The chunks in schema order.
    public let columns: [ColumnChunk]
    /// Bytes of all pages before compression, as the file says.
    public let uncompressedByteCount: Int

    /// The statistics of column `column` of the schema, for skipping groups; nil when the file has none.
    public func statistics(_ column: Int) -> ColumnStatistics? {
        columns.indices.contains(column) ? columns[column].statistics : nil
    }
}

extension ParquetMetadata {
    /// Reads a RowGroup struct, as ``EncodedRowGroup/metadata(at:)`` makes it.
    public static func parseRowGroup(_ bytes: [UInt8]) throws(ParquetError) -> RowGroupInfo {
        var reader = ThriftCompactReader(bytes)
        let group = try reader.rowGroup()
        guard reader.position == bytes.count else {
            throw ParquetError(.malformed, "bytes behind a RowGroup struct", offset: reader.position)
        }
        return group
    }
}

extension ThriftCompactReader {
    /// Reads a RowGroup struct.
    mutating func rowGroup() throws(ParquetError) -> RowGroupInfo {
        var columns: [RowGroupInfo.ColumnChunk] = []
        var rowCount: Int64?
        var byteCount: Int64 = 0
        try structure { (reader, field) throws(ParquetError) in
            switch field.number {
            case 1:
                try reader.list(field, of: .structure) { (reader) throws(ParquetError) in
                    columns.append(try reader.columnChunk())
                }
            case 2: byteCount = try reader.int64(field)
            case 3: rowCount = try reader.int64(field)
            default: try reader.skip(field)
            }
        }
        guard let rowCount, rowCount >= 0 else { throw ParquetError(.malformed, "row group without a row count") }
        guard rowCount <= ReaderLimit.rows else { throw ParquetError(.limit, "row group of \(rowCount) rows") }
        for column in columns where column.valueCount != Int(rowCount) {
            throw ParquetError(
                .malformed,
                "\(column.valueCount) values in a group of \(rowCount) rows",
                column: column.name
            )
        }
        return RowGroupInfo(rowCount: Int(rowCount), columns: columns, uncompressedByteCount: Int(byteCount))
    }

    private mutating func columnChunk() throws(ParquetError) -> RowGroupInfo.ColumnChunk {
        var chunk: RowGroupInfo.ColumnChunk?
        try structure { (reader, field) throws(ParquetError) in
            switch field.number {
            case 1: throw ParquetError(.unsupported, "column data in another file")
            case 3: chunk = try reader.columnMetaData(field)
            default: try reader.skip(field)
            }
        }
        guard let chunk else { throw ParquetError(.malformed, "column chunk without metadata") }
        return chunk
    }

    private mutating func columnMetaData(_ field: Field) throws(ParquetError) -> RowGroupInfo.ColumnChunk {
        var type: Int32?
        var encodings: ColumnEncodings = []
        var name = ""
        var depth = 0
        var codec: Int32?
        var values: Int64 = -1
        var uncompressed: Int64 = -1
        var compressed: Int64 = -1
        var dataOffset: Int64 = -1
        var dictionaryOffset: Int64 = 0
        var statistics = RawStatistics()
        try structure(field) { (reader, field) throws(ParquetError) in
            switch field.number {
            case 1: type = try reader.int32(field)
            case 2:
                try reader.list(field, of: .int32) { (reader) throws(ParquetError) in
                    let number = try reader.int32()
                    if (0..<32).contains(number) { encodings.insert(ColumnEncodings(rawValue: 1 << UInt32(number))) }
                }
            case 3:
                try reader.list(field, of: .binary) { (reader) throws(ParquetError) in
                    let part = String(decoding: try reader.binary(), as: UTF8.self)
                    name = depth == 0 ? part : name + "." + part
                    depth += 1
                }
            case 4: codec = try reader.int32(field)
            case 5: values = try reader.int64(field)
            case 6: uncompressed = try reader.int64(field)
            case 7: compressed = try reader.int64(field)
            case 9: dataOffset = try reader.int64(field)
            case 11: dictionaryOffset = try reader.int64(field)
            case 12: statistics = try reader.statistics(field)
            default: try reader.skip(field)
            }
        }
        guard depth == 1 else { throw ParquetError(.unsupported, "nested column", column: name) }
        guard let type, let physicalType = PhysicalType(rawValue: type) else {
            throw ParquetError(.malformed, "unknown physical type", column: name)
        }
        guard let codec, let pageCodec = PageCodec(rawValue: codec) else {
            throw ParquetError(.unsupported, "compression codec \(codec ?? -1) (zstd is 6)", column: name)
        }
        guard values >= 0, uncompressed >= 0, compressed >= 0, dataOffset >= 0 else {
            let lacking = values < 0 ? 5 : uncompressed < 0 ? 6 : compressed < 0 ? 7 : 9
            throw ParquetError(.malformed, "column metadata lacks field \(lacking)", column: name)
        }
        if dictionaryOffset < 0 {
            throw ParquetError(.malformed, "negative dictionary page offset", column: name)
        }
        return RowGroupInfo.ColumnChunk(
            name: name,
            encodings: encodings,
            valueCount: Int(values),
            compressedByteCount: Int(compressed),
            uncompressedByteCount: Int(uncompressed),
            dataPageOffset: Int(dataOffset),
            // Some writers say 0 where they mean none; a page can't lie on the magic.
            dictionaryPageOffset: dictionaryOffset == 0 ? nil : Int(dictionaryOffset),
            statistics: statistics.typed(as: physicalType),
            physicalType: physicalType,
            codec: pageCodec
        )
    }

    private mutating func statistics(_ field: Field) throws(ParquetError) -> RawStatistics {
        var raw = RawStatistics(isPresent: true)
        try structure(field) { (reader, field) throws(ParquetError) in
            switch field.number {
            case 3: raw.nullCount = try reader.int64(field)
            case 5: raw.maximum = try reader.binary(field)
            case 6: raw.minimum = try reader.binary(field)
            case 7: raw.isMaximumExact = try reader.bool(field)
            case 8: raw.isMinimumExact = try reader.bool(field)
            default: try reader.skip(field)
            }
        }
        return raw
    }
}

/// A Statistics struct as it stands in the file.
private struct RawStatistics {
    var isPresent = false
    var nullCount: Int64?
    var minimum: [UInt8]?
    var maximum: [UInt8]?
    var isMinimumExact = true
    var isMaximumExact = true

    func typed(as type: PhysicalType) -> ColumnStatistics? {
        guard isPresent else { return nil }
        return ColumnStatistics(
            nullCount: nullCount.flatMap { $0 >= 0 ? Int(exactly: $0) : nil },
            minimum: minimum.flatMap { value($0, as: type) },
            maximum: maximum.flatMap { value($0, as: type) },
            isMinimumExact: isMinimumExact,
            isMaximumExact: isMaximumExact
        )
    }

    /// Nil when the size doesn't fit the type, or for NaN: a bound that says nothing.
    private func value(_ bytes: [UInt8], as type: PhysicalType) -> ColumnStatistics.Value? {
        let word = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch type {
        case .int32 where bytes.count == 4: return .integer(Int64(Int32(truncatingIfNeeded: word)))
        case .int64 where bytes.count == 8: return .integer(Int64(bitPattern: word))
        case .double where bytes.count == 8:
            let value = Double(bitPattern: word)
            return value.isNaN ? nil : .double(value)
        case .byteArray: return .string(bytes)
        default: return nil
        }
    }
}
