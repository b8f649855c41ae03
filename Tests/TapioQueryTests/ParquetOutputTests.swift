import TapioArchive
import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Answers as Parquet")
struct ParquetOutputTests {
    private let columns = [
        ResultColumn(name: "kind", type: .string), ResultColumn(name: "count", type: .int64, unit: .count),
        ResultColumn(name: "avg(duration_ns)", type: .double, unit: .nanoseconds),
        ResultColumn(name: "time", type: .timestamp), ResultColumn(name: "count", type: .int64),
        ResultColumn(name: "port", type: .int32),
    ]

    private static func row(_ index: Int) -> [EventValue] {
        let number = Int64(index)
        let kind: EventValue = index % 4 == 0 ? .null : .string("k\(index % 3)\u{0}\n")
        let average: EventValue = index % 5 == 0 ? .null : .double(Double(index) / 3)
        let sum: EventValue = index == 7 ? .double(1e30) : .int(.min)
        return [kind, .int(number), average, .timestamp(number * 1_000_000), sum, .int(number)]
    }

    @Test("what is written is read back, row group by row group, with nulls and strange texts")
    func roundTrip() throws {
        var bytes: [UInt8] = []
        var output = try ParquetOutput(columns, createdBy: "test", groupRows: 30) { bytes += $0 }
        let rows: [[EventValue]] = (0..<100).map { Self.row($0) }
        for row in rows { try output.append(row) }
        try output.finish(query: "kind = x", notes: ["gap: one", "gap: two"])
        let file = try ParquetFile(bytes: bytes)
        #expect(file.rowCount == 100)
        #expect(file.rowGroups.map(\.rowCount) == [30, 30, 30, 10])
        #expect(file.schema.columns.map(\.name) == ["kind", "count", "avg(duration_ns)", "time", "count_2", "port"])
        #expect(file.keyValues.map(\.key) == ["tapio.query", "tapio.note", "tapio.note"])
        #expect(file.keyValues.last?.value == "gap: two")
        var found: [[EventValue]] = []
        for group in file.rowGroups.indices {
            let vectors = try columns.indices.map { place in
                ColumnVector(try file.readColumn(group: group, column: place, from: bytes))
            }
            for row in 0..<file.rowGroups[group].rowCount {
                found.append(columns.indices.map { vectors[$0].value(row, columns[$0].type) })
            }
        }
        var expected = rows
        expected[7][4] = .int(.max)
        #expect(found == expected)
    }

    @Test("an answer without rows is a file without rows")
    func empty() throws {
        var bytes: [UInt8] = []
        var output = try ParquetOutput(columns, createdBy: "test") { bytes += $0 }
        try output.finish(query: "", notes: [])
        let file = try ParquetFile(bytes: bytes)
        #expect(file.rowCount == 0)
        #expect(file.schema.columns.count == columns.count)
    }

    @Test("a row group ends where its texts are many bytes")
    func groupBytes() throws {
        var bytes: [UInt8] = []
        let column = ResultColumn(name: "args", type: .string)
        var output = try ParquetOutput([column], createdBy: "test", groupBytes: 100) { bytes += $0 }
        for index in 0..<25 { try output.append([.string(String(repeating: "é", count: 5) + "\(index % 10)")]) }
        try output.finish(query: "", notes: [])
        #expect(try ParquetFile(bytes: bytes).rowGroups.map(\.rowCount) == [10, 10, 5])
        #expect(output.cutTexts == 0)
        #expect(output.refusedTexts == 0)
    }

    @Test("texts that are cut are counted")
    func cut() throws {
        let column = ResultColumn(name: "args", type: .string)
        var output = try ParquetOutput([column], createdBy: "test") { _ in }
        for more in [0, 1] {
            try output.append([.string(String(repeating: "a", count: BytesInterner.longestValue + more))])
        }
        try output.finish(query: "", notes: [])
        #expect(output.cutTexts == 1)
        #expect(output.refusedTexts == 0)
    }

    @Test("a writer that fails ends it with the writer's error")
    func failure() throws {
        #expect(throws: MemoryGroup.Broken.self) {
            _ = try ParquetOutput(columns, createdBy: "test") { _ in throw MemoryGroup.Broken() }
        }
    }
}
