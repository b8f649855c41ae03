import Glibc
public import TapioArchive
public import TapioEvents

/// An archive on disk, written from rows, and the tables beside it; deleted when the object goes.
public final class DiskArchive {
    /// Who writes it.
    public static let node = "n1"
    /// The boot of all its rows.
    public static let bootID = "0a1b2c3d-0000-0000-0000-000000000000"

    /// What is written to. Seal or close it to have whole segments.
    public let archive: Archive
    private let directory = TemporaryDirectory()
    private let columns: [Column]
    private var batches: UInt64 = 0

    /// An empty one, of these columns.
    public init(columns: [Column]) throws {
        self.columns = columns
        var options = ArchiveOptions(
            schema: ParquetSchema(columns: columns.map { ParquetColumn($0) }),
            identity: ArchiveIdentity(
                node: Self.node,
                bootID: Self.bootID,
                runID: "run-1",
                clockOffsetNs: 0,
                schemaVersion: "1",
                configHash: "abc",
                createdBy: "tapio version 0.1.0"
            )
        )
        options.retention.minFreeShare = nil
        archive = try Archive.open(root: directory.path, options: options)
    }

    /// Where it lies.
    public var root: String { directory.path }

    /// Appends a row group.
    public func append(_ rows: [[String: EventValue]]) throws {
        let encoder = RowGroupEncoder(schema: ParquetSchema(columns: columns.map { ParquetColumn($0) }))
        encoder.begin(rowCount: rows.count)
        for (index, column) in columns.enumerated() {
            encode(rows.map { $0[column.name] ?? .null }, column, index, encoder)
        }
        let times = rows.compactMap { row -> Int64? in
            if case .timestamp(let us)? = row["ts"] { us * 1000 } else { nil }
        }
        var kinds: [String: Int] = [:]
        for row in rows { if case .string(let kind)? = row["kind"] { kinds[kind, default: 0] += 1 } }
        batches += 1
        try archive.append(
            ArchiveBatch(
                group: encoder.finish(),
                sequence: batches,
                lane: 1,
                minTimestampNs: times.min() ?? 0,
                maxTimestampNs: (times.max() ?? 0) + 999,
                kinds: kinds.sorted { $0.key < $1.key }.enumerated().map { index, kind in
                    KindTotal(kind: UInt8(index), name: kind.key, rows: kind.value, weight: Double(kind.value))
                }
            )
        )
    }

    private func encode(_ values: [EventValue], _ column: Column, _ index: Int, _ encoder: RowGroupEncoder) {
        var bits = [UInt64](repeating: 0, count: (values.count + 63) / 64)
        // A required column that a test leaves out holds zeros.
        let isFull = column.isRequired
        for (row, value) in values.enumerated() where value != .null { bits[row / 64] |= 1 << UInt64(row % 64) }
        let present = isFull ? values : values.filter { $0 != .null }
        let validity: [UInt64]? = isFull || present.count == values.count ? nil : bits
        func numbers() -> [Int64] {
            present.map { value in
                switch value {
                case .int(let number), .timestamp(let number): number
                default: 0
                }
            }
        }
        switch column.type {
        case .int32, .int64, .timestamp:
            let wide = numbers()
            encoder.integers(index, values: wide.span, validity: validity?.span)
        case .double:
            let doubles = present.map { value -> Double in if case .double(let number) = value { number } else { 0 } }
            encoder.double(index, values: doubles.span, validity: validity?.span)
        case .string:
            var interner = BytesInterner()
            let indices = present.map { value -> UInt32 in
                let text = if case .string(let text) = value { Array(text.utf8) } else { [UInt8]() }
                return interner.intern(text.span.bytes)
            }
            encoder.strings(index, indices: indices.span, dictionary: interner.dictionary, validity: validity?.span)
        }
    }

    /// Writes a file of a table beside it, as an agent does.
    ///
    /// - Parameters:
    ///   - columns: Those of the file; none holds doubles.
    ///   - run: Of the agent.
    ///   - nowUs: When it is written, UTC microseconds since 1970: an hour's rows are one file.
    public func write(
        table name: String,
        columns: [Column],
        _ rows: [[String: EventValue]],
        run: String = "run-1",
        nowUs: Int64
    ) throws {
        var table = DimensionTable(
            root: root,
            name: name,
            columns: columns.map { ParquetColumn($0) },
            node: Self.node,
            run: run,
            createdBy: "tapio version 0"
        )
        for row in rows {
            let values = columns.map { column -> DimensionValue in
                switch row[column.name] ?? .null {
                case .int(let number), .timestamp(let number): .integer(number)
                case .string(let text): .text(text)
                case .double, .null: .null
                }
            }
            try table.add(values, atMicroseconds: nowUs)
        }
        try table.flush()
    }

    /// Files whose names end so, sorted.
    public func files(_ ending: String) -> [String] { TestFile.find(root, suffix: ending) }

    /// Turns a bit of a file.
    public func damage(_ path: String, at offset: Int) {
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        var byte: UInt8 = 0
        pread(descriptor, &byte, 1, offset)
        byte ^= 0x10
        pwrite(descriptor, &byte, 1, offset)
    }
}

extension ParquetColumn {
    fileprivate init(_ column: Column) {
        self.init(
            name: column.name,
            type: ParquetType(column.type),
            isRequired: column.isRequired,
            fieldID: column.id
        )
    }
}

extension ParquetType {
    fileprivate init(_ type: ColumnType) {
        self =
            switch type {
            case .int32: .int32
            case .int64: .int64
            case .double: .double
            case .string: .string
            case .timestamp: .timestampMicros
            }
    }
}
