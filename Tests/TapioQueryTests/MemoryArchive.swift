import TapioEvents

@testable import TapioQuery

/// An archive in memory, with the same rows once as columns and once as plain events.
struct MemoryGroup: RowGroupSource {
    var name = "group"
    var rowCount: Int
    var columns: [SourceColumn]
    var vectors: [ColumnVector]
    var known: [ColumnBounds]
    var byteCount = 100
    var isDamaged = false
    var bootID: String? = "boot-1"

    struct Broken: Error, CustomStringConvertible {
        var description: String { "checksum does not match" }
    }

    func bounds(_ column: Int) -> ColumnBounds { known[column] }

    func read(_ column: Int) throws -> ColumnVector {
        if isDamaged { throw Broken() }
        return vectors[column]
    }
}

typealias Row = [String: EventValue]

enum MemoryArchive {
    static let schema = QuerySchema(
        columns: (HeaderFields.all + EnrichmentColumn.fields + LedgerSchema.schema.fields).map(\.column)
            + SummaryFields.columns + [
                .duration, .destinationPort,
                Column(300, "bytes_sent", .int64, unit: .bytes, "-"),
                Column(301, "srtt_us", .int64, unit: .microseconds, "-"),
                Column(302, "ratio", .double, "-"), Column(303, "exe", .string, "-"),
            ],
        kinds: ["tcp_close", "tcp_connect", "process_exec", "process_exit", "_ledger"]
    )

    /// - Parameters:
    ///   - hasBounds: Whether the group knows its columns' bounds.
    ///   - hasDictionary: Whether strings share entries.
    static func group(
        _ rows: [Row],
        columns: [Column] = schema.columns,
        hasBounds: Bool = true,
        hasDictionary: Bool = true,
        name: String = "group"
    ) -> MemoryGroup {
        var vectors: [ColumnVector] = []
        var bounds: [ColumnBounds] = []
        for column in columns {
            let values = rows.map { $0[column.name] ?? .null }
            vectors.append(vector(values, column.type, hasDictionary: hasDictionary))
            bounds.append(hasBounds ? self.bounds(values, column) : ColumnBounds())
        }
        return MemoryGroup(
            name: name,
            rowCount: rows.count,
            columns: columns.map { SourceColumn(name: $0.name, type: $0.type) },
            vectors: vectors,
            known: bounds
        )
    }

    static func segment(
        _ groups: [MemoryGroup],
        rows: [Row],
        name: String = "segment",
        hasFacts: Bool = true,
        isRecovered: Bool = false,
        isOpen: Bool = false,
        sequence: UInt64? = nil,
        damage: [Damage] = []
    ) -> SegmentSource {
        let times = rows.compactMap { row in if case .timestamp(let us) = row["ts"] { us * 1000 } else { nil } }
        var kinds: [String: Int] = [:]
        for row in rows { if case .string(let kind) = row["kind"] { kinds[kind, default: 0] += 1 } }
        return SegmentSource(
            name: name,
            byteCount: groups.count * 100,
            timestampsNs: hasFacts ? times.min().map { $0...(times.max() ?? $0) + 999 } : nil,
            rowsByKind: hasFacts ? kinds : nil,
            isRecovered: isRecovered,
            isOpen: isOpen,
            sequence: sequence
        ) { _ in
            SegmentSource.Opened(groups: groups, damage: damage)
        }
    }

    private static func vector(_ values: [EventValue], _ type: ColumnType, hasDictionary: Bool) -> ColumnVector {
        var validity = [UInt64](repeating: 0, count: (values.count + 63) / 64)
        for (row, value) in values.enumerated() where value != .null { validity[row / 64] |= 1 << UInt64(row % 64) }
        let bitmap = values.contains(.null) ? validity : nil
        switch type {
        case .int32, .int64, .timestamp:
            let numbers = values.map { value -> Int64 in
                switch value {
                case .int(let number), .timestamp(let number): number
                default: 0
                }
            }
            return ColumnVector(.integers(numbers), validity: bitmap)
        case .double:
            return ColumnVector(.doubles(values.map { if case .double(let x) = $0 { x } else { 0 } }), validity: bitmap)
        case .string:
            var texts = TextVector(bytes: [], offsets: [0], indices: [])
            var known: [String: UInt32] = [:]
            for value in values {
                guard case .string(let text) = value else {
                    texts.indices.append(TextVector.noValue)
                    continue
                }
                if hasDictionary, let index = known[text] {
                    texts.indices.append(index)
                    continue
                }
                let index = UInt32(texts.entryCount)
                known[text] = index
                texts.bytes += text.utf8
                texts.offsets.append(UInt32(texts.bytes.count))
                texts.indices.append(index)
            }
            return ColumnVector(.texts(texts), validity: bitmap)
        }
    }

    private static func bounds(_ values: [EventValue], _ column: Column) -> ColumnBounds {
        var bounds = ColumnBounds(nullCount: values.count { $0 == .null })
        let sorted = values.filter { $0 != .null }.sorted { EventValueOrder.compare($0, $1) < 0 }
        func bound(_ value: EventValue?) -> ColumnBounds.Value? {
            switch value {
            case .int(let number), .timestamp(let number): .integer(number)
            case .double(let number): .double(number)
            case .string(let text): .text(Array(text.utf8))
            case .null, nil: nil
            }
        }
        bounds.minimum = bound(sorted.first)
        bounds.maximum = bound(sorted.last)
        // Like the writer: with a NaN there are no bounds.
        let hasNaN = values.contains { if case .double(let number) = $0 { number.isNaN } else { false } }
        if hasNaN { return ColumnBounds(nullCount: bounds.nullCount) }
        return bounds
    }
}
