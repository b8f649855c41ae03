public import TapioRings

/// Turns the columns of a batch into an ``EncodedRowGroup``.
///
/// One thread owns an encoder and uses it again and again: nothing is allocated per row. Its memory, and that of the groups,
/// is a pool's where it is given one, and goes back there between groups; without one it is kept. Between ``begin(rowCount:)`` and ``finish()`` each column is given at most once, in any order (schema order reads
/// best); nullable columns that are not given are all-null and cost a copy of about 40 bytes.
///
/// A call that doesn't fit the schema or the row count is a mistake in the program and traps.
public final class RowGroupEncoder {
    /// Most rows of a group.
    public static let mostRows = 1 << 22

    /// The columns of each group.
    public let schema: ParquetSchema

    var rowCount = 0
    var pages: PageWriter
    /// The page that is being put together, before compression.
    var page: ScratchBuffer<UInt8>
    var integers: IntegerInterner
    var text: TextColumnScratch
    var formats: ColumnFormats
    private var chunks: [EncodedColumnChunk?]
    private var isOpen = false
    private var allNullPage: (rowCount: Int, bytes: [UInt8], uncompressed: Int)?

    /// Makes an encoder.
    ///
    /// - Parameters:
    ///   - schema: The columns.
    ///   - compressionLevel: zstd's; higher than 1 gains nothing on pages of this kind.
    ///   - memory: Where memory comes from.
    public init(schema: ParquetSchema, compressionLevel: Int32 = 1, memory: ScratchMemory = .heap) {
        self.schema = schema
        pages = PageWriter(level: compressionLevel, memory: memory)
        page = ScratchBuffer(memory)
        integers = IntegerInterner(memory)
        text = TextColumnScratch(memory)
        formats = ColumnFormats(columnCount: schema.columns.count)
        chunks = Array(repeating: nil, count: schema.columns.count)
    }

    /// Starts a group of `rowCount` rows (0...``mostRows``). A group that was begun and not finished is dropped.
    public func begin(rowCount: Int) {
        precondition(rowCount >= 0 && rowCount <= Self.mostRows, "a row group has 0 to \(Self.mostRows) rows")
        self.rowCount = rowCount
        pages.removeAll()
        page.removeAll(keepingAtMost: 32 << 20)
        for index in chunks.indices { chunks[index] = nil }
        formats.beginGroup()
        isOpen = true
    }

    /// Ends the group and returns it. Required columns must have been given, unless there is no row.
    public func finish() -> EncodedRowGroup {
        precondition(isOpen, "finish() without begin(rowCount:)")
        for index in chunks.indices where chunks[index] == nil { allNull(index) }
        isOpen = false
        page.giveBack()
        giveBackColumn()
        return EncodedRowGroup(bytes: pages.finish(), rowCount: rowCount, columns: chunks.compactMap { $0 })
    }

    /// Says that a column has no value in this group. The same as not giving it.
    public func allNull(_ column: Int) {
        check(column, types: ParquetType.allCases)
        let isRequired = schema.columns[column].isRequired
        precondition(!isRequired || rowCount == 0, "required column \(schema.columns[column].name) has no values")
        let start = pages.output.count
        let size: PageWriter.Size
        if !isRequired, let cached = allNullPage, cached.rowCount == rowCount {
            pages.append(page: cached.bytes)
            size = PageWriter.Size(compressed: cached.bytes.count, uncompressed: cached.uncompressed)
        } else {
            page.removeAll()
            if !isRequired { appendLevels(present: 0) }
            size = pages.appendData(page, count: rowCount, encoding: .plain)
            if !isRequired { allNullPage = (rowCount, pages.bytes(from: start), size.uncompressed) }
        }
        add(
            column,
            encodings: [.plain, .runLength],
            start: start,
            size: size,
            statistics: ColumnStatistics(nullCount: rowCount)
        )
    }

    /// Whether ``compressionNs`` is measured, which costs a group some microseconds.
    public var measuresCompression: Bool {
        get { pages.measuresCompression }
        set { pages.measuresCompression = newValue }
    }

    /// CPU time of the calling threads that compressing took while it was measured, ns.
    public var compressionNs: UInt64 { pages.compressionNs }

    // MARK: - For the extensions

    /// Traps unless `column` can be given now with a value of one of `types`.
    func check(_ column: Int, types: [ParquetType]) {
        precondition(isOpen, "a column was given outside begin(rowCount:) and finish()")
        precondition(chunks.indices.contains(column), "no column \(column) in the schema")
        let declared = schema.columns[column]
        precondition(types.contains(declared.type), "column \(declared.name) is declared as \(declared.type)")
        precondition(chunks[column] == nil, "column \(declared.name) was given twice")
    }

    /// Traps unless `count` values fill exactly the rows that `validity` says.
    func check(_ column: Int, valueCount count: Int, validity: Span<UInt64>?) {
        guard let validity else {
            precondition(count == rowCount, "column \(schema.columns[column].name): \(count) values, \(rowCount) rows")
            return
        }
        precondition(validity.count * 64 >= rowCount, "validity bitmap is too short")
        var present = 0
        for word in 0..<rowCount / 64 { present += validity[word].nonzeroBitCount }
        if rowCount % 64 != 0 {
            present += (validity[rowCount / 64] & (1 << UInt64(rowCount % 64) - 1)).nonzeroBitCount
        }
        precondition(count == present, "column \(schema.columns[column].name): \(count) values, \(present) valid rows")
        precondition(
            count == rowCount || !schema.columns[column].isRequired,
            "required column \(schema.columns[column].name) has nulls"
        )
    }

    /// Starts the data page of a column: its definition levels, if it has any.
    func beginDataPage(_ column: Int, valueCount: Int, validity: Span<UInt64>?) {
        page.removeAll()
        guard !schema.columns[column].isRequired else { return }
        if valueCount == rowCount || valueCount == 0 {
            appendLevels(present: valueCount == 0 ? 0 : 1)
        } else if let validity {
            let lengthAt = page.count
            page.append(littleEndian: 0)
            unsafe validity.withUnsafeBufferPointer {
                unsafe RunLengthHybrid.append(bitmap: $0, count: rowCount, to: &page)
            }
            page.store(littleEndian: UInt32(page.count - lengthAt - 4), at: lengthAt)
        }
    }

    /// Notes that a column is done; its pages start at `start`.
    func add(
        _ column: Int,
        encodings: ColumnEncodings,
        start: Int,
        dictionary: PageWriter.Size? = nil,
        size: PageWriter.Size,
        statistics: ColumnStatistics
    ) {
        giveBackColumn()
        let total = (dictionary ?? PageWriter.Size()) + size
        chunks[column] = EncodedColumnChunk(
            column: schema.columns[column],
            encodings: encodings,
            dictionaryPageOffset: dictionary == nil ? nil : start,
            dataPageOffset: start + (dictionary?.compressed ?? 0),
            compressedByteCount: total.compressed,
            uncompressedByteCount: total.uncompressed,
            statistics: statistics
        )
    }

    /// Gives back what only one column needs at a time, so that columns of other types can have it.
    func giveBackColumn() {
        text.giveBack()
        integers.giveBack()
    }

    /// Appends definition levels that are all `present`.
    private func appendLevels(present: UInt32) {
        let lengthAt = page.count
        page.append(littleEndian: 0)
        RunLengthHybrid.appendRun(of: present, count: rowCount, width: 1, to: &page)
        page.store(littleEndian: UInt32(page.count - lengthAt - 4), at: lengthAt)
    }
}
