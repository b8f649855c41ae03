import TapioArchive
import TapioEvents

/// An Arrow IPC file: the columns as a segment has them, in batches whose buffers are compressed with zstd.
///
///     file    = "ARROW1" 0 0 message(schema) (message(batch) body)* end footer length(4) "ARROW1"
///     message = FF FF FF FF length(4) metadata, padded to 8 bytes
///     body    = buffers, each padded to 8 bytes: length before compression (8), zstd frame
///
/// Holds one batch in memory, and 24 bytes for each that was written.
struct ArrowFileWriter: EventFileWriter {
    /// Rows of a batch.
    private static let batchRows = 16_384
    /// Text of a column in a batch, from which on the batch is written: far below where its 32-bit offsets end.
    private static let batchTextBytes = 16 << 20
    private static let magic: [UInt8] = Array("ARROW1".utf8)

    private let columns: [Column]
    private let creator: String
    private let places: [String: Int]
    private let zstd = ZstdEncoder(level: 3)
    private var batch: [ArrowColumn]
    private var rows = 0
    private var blocks: [ArrowMetadata.Block] = []
    /// Bytes of the file so far.
    private var end: Int64 = 0

    init(_ columns: [Column], creator: String) {
        self.columns = columns
        self.creator = creator
        places = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        batch = columns.map { ArrowColumn($0.type) }
    }

    mutating func add(_ event: DecodedEvent, to bytes: inout [UInt8]) {
        for (column, value) in event.values {
            guard let place = places[column.name] else { continue }
            batch[place].set(value, row: rows)
        }
        rows += 1
        if rows >= Self.batchRows || batch.contains(where: { $0.textBytes >= Self.batchTextBytes }) {
            writeBatch(to: &bytes)
        }
    }

    mutating func finish(to bytes: inout [UInt8]) {
        begin(&bytes)
        if rows > 0 { writeBatch(to: &bytes) }
        // The end of the stream that the file's inside is.
        put([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], &bytes)
        let footer = ArrowMetadata.footer(columns, creator: creator, batches: blocks)
        put(footer + Self.littleEndian(Int32(footer.count)) + Self.magic, &bytes)
    }

    private mutating func begin(_ bytes: inout [UInt8]) {
        guard end == 0 else { return }
        put(Self.magic + [0, 0], &bytes)
        _ = message(ArrowMetadata.schema(columns, creator: creator), &bytes)
    }

    private mutating func writeBatch(to bytes: inout [UInt8]) {
        begin(&bytes)
        var body: [UInt8] = []
        var extents: [ArrowMetadata.Extent] = []
        var nodes: [(rows: Int, nulls: Int)] = []
        for index in batch.indices {
            let (buffers, nulls) = batch[index].take(rows: rows)
            nodes.append((rows, nulls))
            for buffer in buffers {
                let start = body.count
                if !buffer.isEmpty {
                    body += Self.littleEndian(Int64(buffer.count))
                    body += zstd.frame(of: buffer)
                }
                extents.append(ArrowMetadata.Extent(offset: Int64(start), length: Int64(body.count - start)))
                while body.count % 8 != 0 { body.append(0) }
            }
        }
        let metadata = ArrowMetadata.recordBatch(
            rows: rows,
            nodes: nodes,
            buffers: extents,
            bodyLength: Int64(body.count)
        )
        let offset = end
        let length = message(metadata, &bytes)
        put(body, &bytes)
        blocks.append(
            ArrowMetadata.Block(offset: offset, metadataLength: Int32(length), bodyLength: Int64(body.count))
        )
        rows = 0
    }

    /// Returns its length with the prefix.
    private mutating func message(_ metadata: [UInt8], _ bytes: inout [UInt8]) -> Int {
        let padded = (metadata.count + 7) / 8 * 8
        put([0xff, 0xff, 0xff, 0xff] + Self.littleEndian(Int32(padded)) + metadata, &bytes)
        put([UInt8](repeating: 0, count: padded - metadata.count), &bytes)
        return padded + 8
    }

    private mutating func put(_ more: [UInt8], _ bytes: inout [UInt8]) {
        bytes += more
        end += Int64(more.count)
    }

    private static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
}

/// A column of the batch under way.
struct ArrowColumn {
    private let type: ColumnType
    /// A bit per row, lowest first.
    private var validity: [UInt8] = []
    private var valid = 0
    /// Rows that have a place in `data`, or whose end is in `offsets`.
    private var filled = 0
    private var offsets: [UInt8] = []
    private var data: [UInt8] = []

    init(_ type: ColumnType) {
        self.type = type
    }

    var textBytes: Int { type == .string ? data.count : 0 }

    /// Sets the value of a row that is behind all rows that have one.
    mutating func set(_ value: EventValue, row: Int) {
        switch (type, value) {
        case (.int32, .int(let number)):
            fill(to: row)
            append(Int32(clamping: number), &data)
        case (.int64, .int(let number)), (.timestamp, .timestamp(let number)):
            fill(to: row)
            append(number, &data)
        case (.double, .double(let number)):
            fill(to: row)
            append(number.bitPattern, &data)
        case (.string, .string(let text)):
            fill(to: row)
            data += text.utf8
            append(Int32(clamping: data.count), &offsets)
        default: return
        }
        filled = row + 1
        while validity.count <= row / 8 { validity.append(0) }
        validity[row / 8] |= 1 << UInt8(row % 8)
        valid += 1
    }

    /// Its buffers (validity, for text offsets, values) and the number of nulls; then it is empty again.
    mutating func take(rows: Int) -> (buffers: [[UInt8]], nulls: Int) {
        defer { self = ArrowColumn(type) }
        fill(to: rows)
        let nulls = rows - valid
        while validity.count < (rows + 7) / 8 { validity.append(0) }
        let bitmap = nulls == 0 ? [] : validity
        return (type == .string ? [bitmap, offsets, data] : [bitmap, data], nulls)
    }

    /// Rows before `row` that have no value take a place all the same.
    private mutating func fill(to row: Int) {
        switch type {
        case .string:
            if offsets.isEmpty { append(Int32(0), &offsets) }
            while filled < row {
                append(Int32(clamping: data.count), &offsets)
                filled += 1
            }
        case .int32: data.append(contentsOf: repeatElement(0, count: 4 * max(0, row - filled)))
        case .int64, .double, .timestamp: data.append(contentsOf: repeatElement(0, count: 8 * max(0, row - filled)))
        }
        filled = max(filled, row)
    }

    private func append(_ number: some FixedWidthInteger, _ bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}
