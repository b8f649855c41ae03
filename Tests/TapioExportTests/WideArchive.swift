import TapioTestSupport

@testable import TapioArchive
@testable import TapioExport

/// An archive of rows that a test gives, with columns of each type and name that matters to OTLP.
final class WideArchive {
    /// A value of a row.
    enum Value {
        case integer(Int64)
        case double(Double)
        case text(String)

        var integer: Int64 {
            if case .integer(let number) = self { number } else { 0 }
        }

        var number: Double {
            if case .double(let number) = self { number } else { 0 }
        }
    }

    typealias Row = [String: Value]

    let directory = TemporaryDirectory()
    let archive: Archive
    private static let schema: ParquetSchema = {
        let required: [(String, ParquetType)] = [
            ("ts", .timestampMicros), ("ts_sub_ns", .int32), ("kind", .string), ("seq", .int64), ("priority", .string),
            ("weight", .double),
        ]
        let optional: [(String, ParquetType)] = [
            ("pid", .int32), ("uid", .int64), ("comm", .string), ("start_ts", .timestampMicros), ("exe", .string),
            ("exit_code", .int32), ("container_id", .string), ("pod", .string), ("namespace", .string),
            ("src_addr", .string), ("dst_addr", .string), ("dst_port", .int32), ("ip_version", .int32),
            ("protocol", .string), ("error", .string), ("duration_ns", .int64), ("never", .int64),
            ("ledger_entry", .string), ("ledger_stage", .string), ("ledger_ring_full", .int64),
        ]
        let columns = required.map { ($0, true) } + optional.map { ($0, false) }
        return ParquetSchema(
            columns: columns.enumerated().map { index, column in
                ParquetColumn(
                    name: column.0.0,
                    type: column.0.1,
                    isRequired: column.1,
                    fieldID: Int32(index + 1)
                )
            }
        )
    }()

    init() throws {
        var options = ArchiveOptions(
            schema: Self.schema,
            identity: ArchiveIdentity(
                node: "n1",
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run-1",
                clockOffsetNs: 0,
                schemaVersion: "1",
                configHash: "0",
                createdBy: "tapio version 1.2.3"
            )
        )
        options.retention.minFreeShare = nil
        archive = try Archive.open(root: directory.path, options: options)
    }

    /// Seals a segment of one row group.
    func seal(_ rows: [Row]) throws {
        let encoder = RowGroupEncoder(schema: Self.schema)
        encoder.begin(rowCount: rows.count)
        for (index, column) in Self.schema.columns.enumerated() {
            let values = rows.map { $0[column.name] }
            var validity = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
            for row in rows.indices where values[row] != nil { validity[row / 64] |= 1 << UInt64(row % 64) }
            let present = values.compactMap(\.self)
            guard !present.isEmpty else { continue }
            let bits = column.isRequired ? nil : validity
            switch column.type {
            case .string:
                var interner = BytesInterner()
                let indices = present.map { value in
                    guard case .text(let text) = value else { fatalError("\(column.name) has text") }
                    let bytes = Array(text.utf8)
                    return interner.intern(bytes.span.bytes)
                }
                encoder.strings(index, indices: indices.span, dictionary: interner.dictionary, validity: bits?.span)
            case .double:
                let numbers: [Double] = present.map { $0.number }
                encoder.double(index, values: numbers.span, validity: bits?.span)
            default:
                let numbers: [Int64] = present.map { $0.integer }
                encoder.integers(index, values: numbers.span, validity: bits?.span)
            }
        }
        let first = ExportedArchive.noonNs
        try archive.append(
            ArchiveBatch(
                group: encoder.finish(),
                sequence: 1,
                lane: 1,
                minTimestampNs: first,
                maxTimestampNs: first + 1000,
                kinds: [KindTotal(kind: 7, name: "exec", rows: rows.count, weight: Double(rows.count))]
            )
        )
        archive.seal()
    }

    /// A row with what each must have, at the n-th microsecond after noon.
    static func row(_ number: Int64, _ kind: String, _ priority: String, _ more: Row = [:]) -> Row {
        let common: Row = [
            "ts": .integer(ExportedArchive.noonNs / 1000 + number), "ts_sub_ns": .integer(number % 1000),
            "kind": .text(kind), "seq": .integer(number), "priority": .text(priority), "weight": .double(2.5),
        ]
        return common.merging(more) { $1 }
    }
}
