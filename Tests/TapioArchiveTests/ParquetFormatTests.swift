import Testing

@testable import TapioArchive

@Suite("Parquet: formats of columns")
struct ParquetFormatTests {
    static let rowCount = 9_501

    /// A column for each type and format, with the numbers that need the most bits. The first three are tried in the first
    /// groups and have no format.
    static func columns() -> ([ParquetTestColumn], [Int: ColumnFormat]) {
        var generator = SeededGenerator(seed: 21)
        var columns: [ParquetTestColumn] = []
        var formats: [Int: ColumnFormat] = [:]
        func add(_ type: ParquetType, _ format: ColumnFormat?, _ values: ParquetTestColumn.Values) {
            let name = "c\(columns.count)"
            formats[columns.count] = format
            let column = ParquetColumn(name: name, type: type, isRequired: false, fieldID: Int32(columns.count))
            columns.append(ParquetTestColumn(column: column, values: values))
        }
        func numbers(_ limit: Int64) -> ParquetTestColumn.Values {
            let pool = [0, limit] + (0..<1_000).map { _ in Int64.random(in: 0...limit, using: &generator) }
            return .integers((0..<rowCount).map { $0 % 10 == 0 ? nil : pool.randomElement(using: &generator) })
        }
        for _ in 0..<3 { add(.int64, nil, numbers(5_000)) }
        for format in ColumnFormat.integerCandidates {
            add(.int64, format, numbers(1 << 55))
            add(.int64, format, numbers(700))
            add(.int32, format, numbers(1 << 31 - 1))
        }
        for format in ColumnFormat.indexCandidates {
            add(
                .string,
                format,
                .strings((0..<rowCount).map { $0 % 10 == 0 ? nil : Array("v\(generator.next() % 1_000)".utf8) })
            )
        }
        return (columns, formats)
    }

    @Test("each format is written when it was chosen, and read back")
    func everyFormat() throws {
        let (columns, formats) = Self.columns()
        let schema = ParquetSchema(columns: columns.map(\.column))
        let encoder = RowGroupEncoder(schema: schema)
        for (column, format) in formats { encoder.formats.choose(format, for: column) }
        let group = ParquetTestFile.encode(columns, rowCount: Self.rowCount, with: encoder)
        let bytes = ParquetTestFile.assemble(schema: schema, groups: [group])
        let file = try ParquetFile(bytes: bytes)
        for (index, column) in columns.enumerated() {
            #expect(column.matches(try file.readColumn(group: 0, column: index, from: bytes)), "column \(index)")
            guard let format = formats[index] else { continue }
            let encodings = file.rowGroups[0].columns[index].encodings
            #expect(encodings.contains(ColumnEncodings(format.encoding)), "column \(index)")
        }
    }

    @Test("the smallest format is taken, a dearer one only when it saves a sixty-fourth")
    func smallest() {
        let candidates = ColumnFormat.integerCandidates
        let sizes = [6_400, nil, 6_301, 6_300, 6_290, nil, 6_400]
        let choice = ColumnFormats.smallest(candidates) { sizes[candidates.firstIndex(of: $0)!] }
        #expect(choice == candidates[3])
        #expect(ColumnFormats.smallest(candidates) { _ in nil } == nil)
    }

    @Test("each column is tried at first and then once in a period")
    func trials() {
        var formats = ColumnFormats(columnCount: 2)
        #expect(formats.format(of: 1) == nil)
        formats.choose(ColumnFormat(encoding: .plain), for: 1)
        var trials = 0
        for _ in 0..<ColumnFormats.period * 3 {
            formats.beginGroup()
            trials += formats.format(of: 1) == nil ? 1 : 0
        }
        #expect(trials == 3)
    }
}
