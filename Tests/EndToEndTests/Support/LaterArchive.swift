import TapioArchive
import TapioCollectors
import TapioEvents
import TapioTestSupport

/// An archive as an agent of a later version would write it, with a kind and a column that this one does not know: a segment a
/// day, from 2026-03-01 12:00 UTC on. It goes away with its object.
final class LaterArchive {
    static let kind = "quantum_leap"
    /// 0, 1, … in the rows of each day.
    static let column = Column(9000, "flux", .int64, "What no version has yet.")
    static let node = "n1"
    private static let startNs: Int64 = 1_772_366_400_000_000_000
    private static let dayNs: Int64 = 86_400_000_000_000

    let place = TemporaryDirectory()
    let path: String

    init(named name: String = "archive", days: Int = 1, rows: Int = 100) throws {
        path = place.file(name)
        let columns = CollectorRegistry.schemas.columns + [Self.column]
        let schema = ParquetSchema(
            columns: columns.map {
                ParquetColumn(name: $0.name, type: Self.type($0.type), isRequired: $0.isRequired, fieldID: $0.id)
            }
        )
        var options = ArchiveOptions(
            schema: schema,
            identity: ArchiveIdentity(
                node: Self.node,
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run-1",
                clockOffsetNs: 0,
                schemaVersion: "99",
                configHash: "0",
                createdBy: "tapio version 99.0.0"
            )
        )
        options.retention.minFreeShare = nil
        let archive = try Archive.open(root: path, options: options)
        defer { archive.close() }
        for day in 0..<days {
            let start = Self.startNs + Int64(day) * Self.dayNs
            let group = Self.rows(rows, startNs: start, columns, schema)
            try archive.append(
                ArchiveBatch(
                    group: group,
                    sequence: UInt64(day + 1),
                    lane: 1,
                    minTimestampNs: start,
                    maxTimestampNs: start + Int64(rows) * 1_000_000,
                    kinds: [KindTotal(kind: 250, name: Self.kind, rows: rows, weight: Double(rows))]
                )
            )
            archive.seal()
        }
    }

    private static func rows(
        _ count: Int,
        startNs: Int64,
        _ columns: [Column],
        _ schema: ParquetSchema
    ) -> EncodedRowGroup {
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: count)
        let numbers = (0..<count).map { Int64($0) }
        let times = numbers.map { startNs / 1000 + $0 * 1000 }
        for (place, column) in columns.enumerated() {
            switch column.name {
            case "ts": encoder.integers(place, values: times.span)
            case "seq", Self.column.name: encoder.integers(place, values: numbers.span)
            case "weight": encoder.constant(place, double: 1)
            case "kind": text(Self.kind, place, count, encoder)
            case "priority": text("normal", place, count, encoder)
            case _ where !column.isRequired: encoder.allNull(place)
            case _ where column.type == .string: text("leaper", place, count, encoder)
            default: encoder.constant(place, integer: 1)
            }
        }
        return encoder.finish()
    }

    private static func text(_ text: String, _ place: Int, _ count: Int, _ encoder: RowGroupEncoder) {
        var interner = BytesInterner()
        let entry = interner.intern(Array(text.utf8).span.bytes)
        let indices = [UInt32](repeating: entry, count: count)
        encoder.strings(place, indices: indices.span, dictionary: interner.dictionary)
    }

    private static func type(_ type: ColumnType) -> ParquetType {
        switch type {
        case .int32: .int32
        case .int64: .int64
        case .double: .double
        case .string: .string
        case .timestamp: .timestampMicros
        }
    }
}
