/// Puts row groups into one complete Parquet file, for answers that other programs read: no frames, and nothing that must
/// survive a crash. The bytes go to whoever asks, in order.
public struct ParquetFileWriter {
    /// Takes bytes that follow those before.
    public typealias Sink = ([UInt8]) throws -> Void

    private let schema: ParquetSchema
    private let createdBy: String
    private let write: Sink
    private var offset: Int64 = 0
    private var rowCount: Int64 = 0
    private var groups: [[UInt8]] = []

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - schema: The columns of each group.
    ///   - createdBy: The program's name and version.
    ///   - write: Where the bytes go.
    public init(schema: ParquetSchema, createdBy: String, write: @escaping Sink) throws {
        self.schema = schema
        self.createdBy = createdBy
        self.write = write
        try put(ParquetMetadata.magic)
    }

    /// Adds a row group of the file's schema.
    public mutating func append(_ group: EncodedRowGroup) throws {
        groups.append(group.metadata(at: offset))
        rowCount += Int64(group.rowCount)
        try put([UInt8](group.bytes))
    }

    /// Writes what completes the file; nothing may be added afterwards.
    public mutating func finish(keyValues: [(String, String)] = []) throws {
        let footer = ParquetMetadata.fileMetaData(
            schema: schema,
            rowCount: rowCount,
            rowGroups: groups,
            keyValues: keyValues,
            createdBy: createdBy
        )
        let length = UInt32(footer.count)
        try put(footer + (0..<4).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + ParquetMetadata.magic)
    }

    private mutating func put(_ bytes: [UInt8]) throws {
        try write(bytes)
        offset += Int64(bytes.count)
    }
}
