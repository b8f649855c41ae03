import TapioRings
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
        var sizes = [6_400, nil, 6_301, 6_300, 6_290, nil, 6_400]
        var tried: [ColumnFormat] = []
        func choice(stored: Int) -> ColumnFormat? {
            ColumnFormats.smallest(candidates) { format in
                tried.append(format)
                return format.effort == .none ? stored : sizes[candidates.firstIndex(of: format)!]
            }
        }
        #expect(choice(stored: 6_399) == candidates[3])
        #expect(tried.filter { $0.effort == .more } == Array(candidates[5...]))
        // What compression doesn't make smaller by more than that is stored.
        let stored = choice(stored: 6_398)
        #expect(stored?.effort == CompressionEffort.none && stored?.encoding == candidates[3].encoding)
        // More effort doesn't make up for a format that takes much more, or can't be had.
        sizes[2] = nil
        sizes[4] = 7_090
        tried = []
        #expect(choice(stored: 9_999) == candidates[3])
        #expect(!tried.contains { $0.effort == .more })
        #expect(ColumnFormats.smallest(candidates) { _ in nil } == nil)
    }

    @Test(
        "a stored frame is what zstd reads, of any length",
        arguments: [0, 1, 255, 131_071, 131_072, 131_073, 300_000]
    )
    func storedFrame(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        var content = ScratchBuffer<UInt8>(.heap)
        for _ in 0..<count { content.append(UInt8.random(in: 0...255, using: &generator)) }
        var frame = ScratchBuffer<UInt8>(.heap)
        ZstdStoredFrame.store(content, into: &frame)
        #expect(frame.count == ZstdStoredFrame.byteCount(of: count))
        let bytes = unsafe Array(frame.elements)
        let read = try ZstdDecompressor.decompress(bytes.span.bytes, size: count)
        #expect(unsafe Array(read.bytes.prefix(count)) == Array(content.elements))
        // Damage anywhere is found: magic, sizes, content, checksum.
        for place in Set([0, 3, 5, 8, 9, 11, frame.count / 2, frame.count - 1]) {
            var damaged = bytes
            damaged[place] ^= 0x40
            #expect(throws: ParquetError.self) {
                _ = try ZstdDecompressor.decompress(damaged.span.bytes, size: count)
            }
        }
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
