import Glibc
import TapioArchive
import TapioEvents

@testable import TapioQuery

/// An archive on disk, written from rows; deleted when the object goes.
final class DiskArchive {
    let root: String
    let archive: Archive
    private let columns: [Column]
    private var batches: UInt64 = 0

    init(columns: [Column] = MemoryArchive.schema.columns) throws {
        var template = Array("/tmp/tapio-query-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw MemoryGroup.Broken() }
        root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.columns = columns
        var options = ArchiveOptions(
            schema: ParquetSchema(
                columns: columns.map {
                    ParquetColumn(name: $0.name, type: $0.type.parquet, isRequired: $0.isRequired, fieldID: $0.id)
                }
            ),
            identity: ArchiveIdentity(
                node: "n1",
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run-1",
                clockOffsetNs: 0,
                schemaVersion: "1",
                configHash: "abc",
                createdBy: "tapio version 0.1.0"
            )
        )
        options.retention.minFreeShare = nil
        archive = try Archive.open(root: root, options: options)
    }

    deinit {
        for path in files("", withDirectories: true).reversed() { remove(path) }
        remove(root)
    }

    /// Appends a row group.
    func append(_ rows: [Row]) throws {
        let encoder = RowGroupEncoder(schema: archive.schema(columns))
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

    /// Files whose names end so.
    func files(_ ending: String, withDirectories: Bool = false) -> [String] {
        var found: [String] = []
        func walk(_ directory: String) {
            guard let handle = opendir(directory) else { return }
            defer { closedir(handle) }
            while let entry = readdir(handle) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name == "." || name == ".." { continue }
                let path = directory + "/" + name
                let isDirectory = entry.pointee.d_type == DT_DIR
                if isDirectory { walk(path) }
                if (!isDirectory || withDirectories) && name.hasSuffix(ending) { found.append(path) }
            }
        }
        walk(root)
        return found.sorted()
    }

    /// Turns a bit of a file.
    func damage(_ path: String, at offset: Int) {
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        var byte: UInt8 = 0
        pread(descriptor, &byte, 1, offset)
        byte ^= 0x10
        pwrite(descriptor, &byte, 1, offset)
    }
}

extension Archive {
    fileprivate func schema(_ columns: [Column]) -> ParquetSchema {
        ParquetSchema(
            columns: columns.map {
                ParquetColumn(name: $0.name, type: $0.type.parquet, isRequired: $0.isRequired, fieldID: $0.id)
            }
        )
    }
}

extension ColumnType {
    var parquet: ParquetType {
        switch self {
        case .int32: .int32
        case .int64: .int64
        case .double: .double
        case .string: .string
        case .timestamp: .timestampMicros
        }
    }
}
