import TapioArchive
public import TapioEvents

/// Answers as a Parquet file, written with the archive's own encoder: zstd, dictionaries, statistics.
public struct ParquetOutput {
    private let columns: [(type: ColumnType, name: String)]
    private let encoder: RowGroupEncoder
    private var writer: ParquetFileWriter
    private var pending: [[EventValue]] = []
    /// Bytes of the texts in `pending`.
    private var pendingBytes = 0
    private let groupRows: Int
    private let groupBytes: Int
    /// Texts so far that were longer than ``BytesInterner/longestValue``, and are cut in the file.
    public private(set) var cutTexts = 0
    /// Texts so far that found no room in their row group, and are empty in the file.
    public private(set) var refusedTexts = 0

    /// Rows of a row group.
    public static let groupRows = 50_000
    /// Bytes of texts with which a row group ends before it has all rows: far below ``BytesInterner/mostBytes``.
    public static let groupBytes = 16 << 20

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - columns: Its columns; each may hold nulls.
    ///   - createdBy: The program's name and version.
    ///   - write: Where the bytes go, in order.
    public init(
        _ columns: [ResultColumn],
        createdBy: String,
        groupRows: Int = ParquetOutput.groupRows,
        groupBytes: Int = ParquetOutput.groupBytes,
        write: @escaping ([UInt8]) throws -> Void
    ) throws {
        var seen: [String: Int] = [:]
        self.columns = columns.map { column in
            // Readers want names that differ: count,count becomes count and count_2.
            let number = seen[column.name, default: 0] + 1
            seen[column.name] = number
            return (column.type, number == 1 ? column.name : "\(column.name)_\(number)")
        }
        let schema = ParquetSchema(
            columns: self.columns.enumerated().map { place, column in
                ParquetColumn(
                    name: column.name,
                    type: ParquetType(column.type),
                    isRequired: false,
                    fieldID: Int32(place + 1)
                )
            }
        )
        encoder = RowGroupEncoder(schema: schema)
        writer = try ParquetFileWriter(schema: schema, createdBy: createdBy, write: write)
        self.groupRows = groupRows
        self.groupBytes = groupBytes
    }

    /// Adds a row: a value for each column, in their order.
    public mutating func append(_ row: [EventValue]) throws {
        precondition(row.count == columns.count)
        pending.append(row)
        for case .string(let text) in row { pendingBytes += text.utf8.count }
        if pending.count >= groupRows || pendingBytes >= groupBytes { try endGroup() }
    }

    /// Completes the file.
    ///
    /// - Parameter notes: What a reader of the answer has to know; key-values `tapio.note`, in their order.
    public mutating func finish(query: String, notes: [String]) throws {
        if !pending.isEmpty { try endGroup() }
        try writer.finish(keyValues: [("tapio.query", query)] + notes.map { ("tapio.note", $0) })
    }

    private mutating func endGroup() throws {
        encoder.begin(rowCount: pending.count)
        for (place, column) in columns.enumerated() { encode(place, column.type) }
        try writer.append(encoder.finish())
        pending.removeAll(keepingCapacity: true)
        pendingBytes = 0
    }

    private mutating func encode(_ place: Int, _ type: ColumnType) {
        var bits = [UInt64](repeating: 0, count: (pending.count + 63) / 64)
        var present: [EventValue] = []
        for (row, values) in pending.enumerated() {
            // JSON and this alike: what is no number is no value.
            if case .double(let number) = values[place], !number.isFinite, type != .double { continue }
            if values[place] == .null { continue }
            bits[row / 64] |= 1 << UInt64(row % 64)
            present.append(values[place])
        }
        let validity: [UInt64]? = present.count == pending.count ? nil : bits
        switch type {
        case .int32, .int64, .timestamp:
            let numbers = present.map { Self.integer($0, type) }
            encoder.integers(place, values: numbers.span, validity: validity?.span)
        case .double:
            let numbers = present.map(Self.double)
            encoder.double(place, values: numbers.span, validity: validity?.span)
        case .string:
            var interner = BytesInterner()
            let indices = present.map { value -> UInt32 in
                let text = if case .string(let text) = value { Array(text.utf8) } else { [UInt8]() }
                return unsafe interner.intern(text.span.bytes)
            }
            encoder.strings(place, indices: indices.span, dictionary: interner.dictionary, validity: validity?.span)
            cutTexts += Int(clamping: interner.cutCount)
            refusedTexts += Int(clamping: interner.refusedCount)
        }
    }

    private static func integer(_ value: EventValue, _ type: ColumnType) -> Int64 {
        let number: Int64 =
            switch value {
            case .int(let number), .timestamp(let number): number
            // The sum of a great many numbers.
            case .double(let number): Int64(clamping: number)
            case .null, .string: 0
            }
        return type == .int32 ? Int64(Int32(clamping: number)) : number
    }

    private static func double(_ value: EventValue) -> Double {
        switch value {
        case .double(let number): number
        case .int(let number), .timestamp(let number): Double(number)
        case .null, .string: 0
        }
    }
}

extension ParquetType {
    fileprivate init(_ type: ColumnType) {
        switch type {
        case .int32: self = .int32
        case .int64: self = .int64
        case .double: self = .double
        case .string: self = .string
        case .timestamp: self = .timestampMicros
        }
    }
}
