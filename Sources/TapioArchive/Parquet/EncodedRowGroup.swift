/// One row group, compressed, as it goes into a file: position-independent until ``metadata(at:)`` is asked.
public struct EncodedRowGroup: Sendable {
    /// All column chunks, one after another.
    public let bytes: EncodedBytes
    /// Rows of the group.
    public let rowCount: Int
    /// A chunk per column of the schema, in its order.
    public let columns: [EncodedColumnChunk]

    /// Puts a group together from its parts.
    public init(bytes: EncodedBytes, rowCount: Int, columns: [EncodedColumnChunk]) {
        self.bytes = bytes
        self.rowCount = rowCount
        self.columns = columns
    }

    /// The same with a copy of `bytes`.
    public init(bytes: [UInt8], rowCount: Int, columns: [EncodedColumnChunk]) {
        self.init(bytes: EncodedBytes(bytes), rowCount: rowCount, columns: columns)
    }

    /// Bytes of all pages before compression, headers included.
    public var uncompressedByteCount: Int { columns.reduce(0) { $0 + $1.uncompressedByteCount } }

    /// The Thrift-compact RowGroup struct for a group whose first byte lies at `fileOffset`; about 75 bytes a column.
    public func metadata(at fileOffset: Int64) -> [UInt8] {
        var writer = ThriftCompactWriter(capacity: columns.count * 96 + 32)
        writer.list(1, of: .structure, count: columns.count)
        for chunk in columns { chunk.write(to: &writer, groupOffset: fileOffset, rowCount: rowCount) }
        writer.int64(2, Int64(uncompressedByteCount))
        writer.int64(3, Int64(rowCount))
        writer.int64(5, fileOffset)
        writer.int64(6, Int64(bytes.count))
        return writer.finish()
    }
}

extension EncodedColumnChunk {
    /// Appends the ColumnChunk struct, as an element of a list.
    fileprivate func write(to writer: inout ThriftCompactWriter, groupOffset: Int64, rowCount: Int) {
        writer.beginElement()
        writer.int64(2, 0)  // file_offset: deprecated, 0 since the metadata is only in the footer
        writer.beginStructure(3)
        writer.int32(1, column.type.physicalType.rawValue)
        let numbers = encodings.numbers
        writer.list(2, of: .int32, count: numbers.count)
        for number in numbers { writer.element(number) }
        writer.list(3, of: .binary, count: 1)
        writer.element(column.name)
        writer.int32(4, PageCodec.zstd.rawValue)
        writer.int64(5, Int64(rowCount))
        writer.int64(6, Int64(uncompressedByteCount))
        writer.int64(7, Int64(compressedByteCount))
        writer.int64(9, groupOffset + Int64(dataPageOffset))
        if let dictionaryPageOffset { writer.int64(11, groupOffset + Int64(dictionaryPageOffset)) }
        writer.beginStructure(12)
        statistics.write(to: &writer, type: column.type.physicalType)
        writer.endStructure()
        writer.endStructure()
        writer.endStructure()
    }
}

extension ColumnStatistics {
    /// Appends the fields of a Statistics struct.
    fileprivate func write(to writer: inout ThriftCompactWriter, type: PhysicalType) {
        if let nullCount { writer.int64(3, Int64(nullCount)) }
        if let maximum { writer.binary(5, maximum.encoded(as: type)) }
        if let minimum { writer.binary(6, minimum.encoded(as: type)) }
        if maximum != nil, !isMaximumExact { writer.bool(7, false) }
        if minimum != nil, !isMinimumExact { writer.bool(8, false) }
    }
}
