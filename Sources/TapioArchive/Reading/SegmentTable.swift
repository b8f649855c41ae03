/// A sealed segment that is read without mapping it: a disk that fails ends in an error, not in the process's end.
///
/// Stays readable when the file is renamed or deleted. Holds no rows; what it gives is as large as a row group's columns.
public struct SegmentTable: Sendable {
    /// The columns; empty if the file could not be understood.
    public let schema: ParquetSchema
    /// The row groups in file order. Damaged ones are left out.
    public let rowGroups: [SegmentRowGroup]
    /// What the file says about itself; see ``SegmentKey``.
    public let keyValues: [(key: String, value: String)]
    /// The writer's name; empty when the file doesn't say.
    public let createdBy: String
    private let file: any ReadableFile

    /// Opens a segment and finds its row groups.
    ///
    /// - Throws: Where the file cannot be opened. What is damaged in it is left out.
    public init(path: String, fileSystem: any FileSystem = PosixFileSystem()) throws(FileError) {
        file = try fileSystem.open(path)
        let scan = try FrameScanner.scan(file, depth: .facts)
        createdBy = scan.prologue?.createdBy ?? ""
        // All that is known before a page is decoded stands in the frames.
        let opened = OpenedSegment(scan: scan, file: MappedFile(copying: []), path: path)
        schema = opened.schema
        rowGroups = opened.rowGroups
        keyValues = opened.keyValues
    }

    /// Decodes a column of a row group; nil where no row has a value. Its bytes are checked (zstd's checksums) while they
    /// are read.
    public func readColumn(_ column: Int, of group: SegmentRowGroup) throws(ArchiveReadError) -> ColumnData? {
        guard schema.columns.indices.contains(column), group.info.columns.indices.contains(column) else {
            throw .contents(path: file.path, ParquetError(.malformed, "no column \(column)"))
        }
        let chunk = group.info.columns[column]
        if chunk.statistics?.nullCount == group.rowCount { return nil }
        // A file's first four bytes are its magic: a chunk that begins before is refused by the reader.
        let before = chunk.fileOffset - ParquetMetadata.magic.count
        let bytes: [UInt8]
        let isInside: Bool
        do throws(FileError) {
            let size = try file.size()
            isInside = before >= 0 && Int64(chunk.compressedByteCount) <= size - Int64(chunk.fileOffset)
            let count = isInside ? ParquetMetadata.magic.count + chunk.compressedByteCount : 0
            bytes = try file.read(at: Int64(max(0, before)), count: count)
        } catch {
            throw .file(error)
        }
        guard isInside else {
            let error = ParquetError(.malformed, "the chunk lies outside the file", column: chunk.name)
            throw .contents(path: file.path, error)
        }
        do throws(ParquetError) {
            var reader = ColumnChunkReader(chunk: chunk.moved(by: -before), column: schema.columns[column])
            let data = try reader.read(rowCount: group.rowCount, from: unsafe bytes.span.bytes)
            return data.nullCount == group.rowCount ? nil : data
        } catch {
            throw .contents(path: file.path, error)
        }
    }
}

extension RowGroupInfo.ColumnChunk {
    fileprivate func moved(by offset: Int) -> Self {
        Self(
            name: name,
            encodings: encodings,
            valueCount: valueCount,
            compressedByteCount: compressedByteCount,
            uncompressedByteCount: uncompressedByteCount,
            dataPageOffset: dataPageOffset + offset,
            dictionaryPageOffset: dictionaryPageOffset.map { $0 + offset },
            statistics: statistics,
            physicalType: physicalType,
            codec: codec
        )
    }
}
