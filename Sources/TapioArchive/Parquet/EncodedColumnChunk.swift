/// A column's pages inside an ``EncodedRowGroup``. Offsets count from the group's first byte.
public struct EncodedColumnChunk: Sendable {
    /// The column.
    public let column: ParquetColumn
    /// The encodings that occur.
    public let encodings: ColumnEncodings
    /// Where the dictionary page starts, if there is one. It is then the chunk's first.
    public let dictionaryPageOffset: Int?
    /// Where the data page starts.
    public let dataPageOffset: Int
    /// Bytes of all pages with their headers, as they stand in the file.
    public let compressedByteCount: Int
    /// The same before compression.
    public let uncompressedByteCount: Int
    /// Bounds and number of missing values.
    public let statistics: ColumnStatistics

    /// Makes a description of a chunk.
    public init(
        column: ParquetColumn,
        encodings: ColumnEncodings,
        dictionaryPageOffset: Int?,
        dataPageOffset: Int,
        compressedByteCount: Int,
        uncompressedByteCount: Int,
        statistics: ColumnStatistics
    ) {
        self.column = column
        self.encodings = encodings
        self.dictionaryPageOffset = dictionaryPageOffset
        self.dataPageOffset = dataPageOffset
        self.compressedByteCount = compressedByteCount
        self.uncompressedByteCount = uncompressedByteCount
        self.statistics = statistics
    }
}
