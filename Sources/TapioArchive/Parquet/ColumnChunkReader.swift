/// Reads the pages of one column chunk into a ``ColumnData``.
struct ColumnChunkReader {
    private let chunk: RowGroupInfo.ColumnChunk
    private let column: ParquetColumn
    /// Where in the file it is; for errors.
    private(set) var position: Int

    private var rows = 0
    private var nullCount = 0
    private var validity: [UInt64] = []
    private var integers: [Int64] = []
    private var doubles: [Double] = []
    private var strings = StringColumn()
    private var numberDictionary: [Int64] = []
    private var hasDictionary = false
    /// Entries that came from the dictionary page; only these may be referred to.
    private var entryCount = 0

    init(chunk: RowGroupInfo.ColumnChunk, column: ParquetColumn) {
        self.chunk = chunk
        self.column = column
        self.position = chunk.fileOffset
    }

    mutating func read(rowCount: Int, from file: RawSpan) throws(ParquetError) -> ColumnData {
        guard position >= 4, position <= file.byteCount,
            chunk.compressedByteCount <= file.byteCount - position
        else {
            throw ParquetError(.malformed, "chunk of \(chunk.compressedByteCount) bytes lies outside the file")
        }
        let end = position + chunk.compressedByteCount
        while rows < rowCount || position < end {
            let window = min(end - position, ReaderLimit.pageHeaderBytes)
            let header: PageHeader
            do {
                header = try PageHeader(file.copy(position..<position + window))
            } catch {
                var located = error
                located.offset = position + (error.offset ?? 0)
                throw located
            }
            let start = position + header.headerByteCount
            guard header.compressedByteCount <= end - start else {
                throw ParquetError(.malformed, "page of \(header.compressedByteCount) bytes crosses the chunk's end")
            }
            let payload = file.extracting(start..<start + header.compressedByteCount)
            let page = try decode(payload, header: header)
            try read(page, header: header, rowCount: rowCount)
            position = start + header.compressedByteCount
        }
        return ColumnData(
            rowCount: rowCount,
            nullCount: nullCount,
            validity: nullCount == 0 ? nil : validity,
            values: values
        )
    }

    private var values: ColumnData.Values {
        switch column.type {
        case .int32, .int64, .timestampMicros: .integers(integers)
        case .double: .doubles(doubles)
        case .string: .strings(strings)
        }
    }

    private func decode(_ payload: RawSpan, header: PageHeader) throws(ParquetError) -> DecodedPage {
        switch chunk.codec {
        case .zstd: return try ZstdDecompressor.decompress(payload, size: header.uncompressedByteCount)
        case .uncompressed:
            guard payload.byteCount == header.uncompressedByteCount else {
                throw ParquetError(.malformed, "uncompressed page of two sizes")
            }
            return DecodedPage(
                withSlack: payload.copy(0..<payload.byteCount) + Array(repeating: 0, count: DecodedPage.slack)
            )
        }
    }

    private mutating func read(_ page: DecodedPage, header: PageHeader, rowCount: Int) throws(ParquetError) {
        switch header.kind {
        case .dictionary(let count):
            guard !hasDictionary, rows == 0 else {
                throw ParquetError(.malformed, "dictionary page in the wrong place")
            }
            hasDictionary = true
            entryCount = count
            if column.type == .string {
                try strings.append(plain: page, from: 0, count: count)
            } else {
                numberDictionary = try PageDecoder.plain(page, from: 0, count: count, size: valueSize)
            }
        case .data(let count, let encoding):
            guard count <= rowCount - rows else { throw ParquetError(.malformed, "more values than rows") }
            try readData(page, count: count, encoding: encoding, rowCount: rowCount)
            rows += count
        }
    }

    private var valueSize: Int { column.type == .int32 ? 4 : 8 }

    private mutating func readData(
        _ page: DecodedPage,
        count: Int,
        encoding: PageEncoding,
        rowCount: Int
    ) throws(ParquetError) {
        if validity.isEmpty { validity = Array(repeating: 0, count: (rowCount + 63) / 64) }
        var start = 0
        var present = count
        if column.isRequired {
            Self.setBits(&validity, from: rows, count: count)
        } else {
            (present, start) = try PageDecoder.levels(page, count: count, into: &validity, at: rows)
        }
        nullCount += count - present
        if column.type == .string {
            let indices = try decodeStrings(page, from: start, count: present, encoding: encoding)
            scatter(indices, present: present, count: count, into: &strings.indices, missing: StringColumn.noValue)
        } else {
            let numbers = try decodeNumbers(page, from: start, count: present, encoding: encoding)
            if column.type == .double {
                let bits = numbers.map { Double(bitPattern: UInt64(bitPattern: $0)) }
                scatter(bits, present: present, count: count, into: &doubles, missing: 0)
            } else {
                scatter(numbers, present: present, count: count, into: &integers, missing: 0)
            }
        }
    }

    private func decodeNumbers(
        _ page: DecodedPage,
        from start: Int,
        count: Int,
        encoding: PageEncoding
    ) throws(ParquetError) -> [Int64] {
        switch encoding {
        case .plain: return try PageDecoder.plain(page, from: start, count: count, size: valueSize)
        case .deltaBinaryPacked where column.type != .double:
            let values = try PageDecoder.deltas(page, from: start, count: count)
            return column.type == .int32 ? values.map { Int64(Int32(truncatingIfNeeded: $0)) } : values
        case .dictionary, .plainDictionary:
            let indices = try PageDecoder.indices(page, from: start, count: count, entryCount: numberDictionary.count)
            return indices.map { numberDictionary[Int($0)] }
        default: throw ParquetError(.unsupported, "encoding \(encoding) for \(column.type)")
        }
    }

    private mutating func decodeStrings(
        _ page: DecodedPage,
        from start: Int,
        count: Int,
        encoding: PageEncoding
    ) throws(ParquetError) -> [UInt32] {
        switch encoding {
        case .plain:
            let first = UInt32(strings.entryCount)
            try strings.append(plain: page, from: start, count: count)
            return Array(first..<first + UInt32(count))
        case .dictionary, .plainDictionary:
            return try PageDecoder.indices(page, from: start, count: count, entryCount: entryCount)
        default: throw ParquetError(.unsupported, "encoding \(encoding) for strings")
        }
    }

    /// Appends `count` rows: the next of `dense` where the validity bitmap says so, `missing` elsewhere.
    private func scatter<Value>(
        _ dense: [Value],
        present: Int,
        count: Int,
        into rowValues: inout [Value],
        missing: Value
    ) {
        if present == count {
            if rowValues.isEmpty { rowValues = dense } else { rowValues.append(contentsOf: dense) }
            return
        }
        rowValues.reserveCapacity(rowValues.count + count)
        // Batches are sorted by kind, so that values and gaps come in long runs.
        var next = 0
        var row = rows
        let end = rows + count
        while row < end {
            let word = validity[row / 64] >> UInt64(row % 64)
            let left = min(64 - row % 64, end - row)
            let isValid = word & 1 != 0
            let run = min(left, (isValid ? ~word : word).trailingZeroBitCount)
            if isValid {
                rowValues.append(contentsOf: dense[next..<next + run])
                next += run
            } else {
                rowValues.append(contentsOf: repeatElement(missing, count: run))
            }
            row += run
        }
    }

    static func setBits(_ bitmap: inout [UInt64], from start: Int, count: Int) {
        var position = start
        let end = start + count
        while position < end {
            let bit = position % 64
            let length = min(64 - bit, end - position)
            let mask = length == 64 ? UInt64.max : (1 << UInt64(length) - 1) << UInt64(bit)
            bitmap[position / 64] |= mask
            position += length
        }
    }
}
