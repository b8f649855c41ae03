import TapioArchive
import Testing

@Suite("Parquet: damaged files end in errors, never in crashes or wrong values")
struct ParquetDamageTests {
    /// A small file, what should be read from it, and where its pages are.
    private struct Sample {
        let columns: [ParquetTestColumn]
        let bytes: [UInt8]
        let pages: Range<Int>

        init(rowCount: Int) {
            let wanted = [
                "int32_random_some", "int64_monotone_required", "double_runs_runs", "string_few_some",
                "string_distinct_required", "timestampMicros_small_all",
            ]
            columns = ParquetTestColumns.make(rowCount: rowCount, seed: 21).filter { wanted.contains($0.column.name) }
            let schema = ParquetSchema(columns: columns.map(\.column))
            let group = ParquetTestFile.encode(columns, rowCount: rowCount, with: RowGroupEncoder(schema: schema))
            bytes = ParquetTestFile.assemble(schema: schema, groups: [group], keyValues: [("k", "v")])
            pages = 4..<4 + group.bytes.count
        }

        /// Reads everything; how many columns differ from what was written. Throws what the reader throws.
        func differences(in damaged: [UInt8]) throws -> Int {
            let file = try ParquetFile(bytes: damaged)
            var count = 0
            for group in file.rowGroups.indices {
                for index in file.schema.columns.indices {
                    let data = try file.readColumn(group: group, column: index, from: damaged)
                    let matches = index < columns.count && columns[index].matches(data)
                    count += matches ? 0 : 1
                }
            }
            return count
        }
    }

    @Test("a file cut at any byte is refused")
    func truncation() throws {
        let sample = Sample(rowCount: 200)
        #expect(try sample.differences(in: sample.bytes) == 0)
        for length in 0..<sample.bytes.count {
            #expect(throws: ParquetError.self, "cut to \(length)") {
                try ParquetFile(bytes: Array(sample.bytes[..<length]))
            }
        }
    }

    @Test("each flipped bit in a page is found; none in the footer crashes the reader")
    func flips() throws {
        let sample = Sample(rowCount: 200)
        var found = 0
        var harmless = 0
        var silent: [Int] = []
        var footerErrors = 0
        for offset in sample.bytes.indices {
            for bit in 0..<8 {
                var damaged = sample.bytes
                damaged[offset] ^= 1 << UInt8(bit)
                let outcome = Result { try sample.differences(in: damaged) }
                guard sample.pages.contains(offset) else {
                    if case .failure = outcome { footerErrors += 1 }
                    continue
                }
                switch outcome {
                case .failure: found += 1
                case .success(0): harmless += 1
                case .success: silent.append(offset)
                }
            }
        }
        print(
            "page bits: \(found) found, \(harmless) without effect, \(silent.count) silent; footer: \(footerErrors) found"
        )
        #expect(silent.isEmpty, "wrong values without an error after flips at \(silent)")
        #expect(harmless * 50 < found)
    }

    @Test("random damage to several bytes never crashes the reader")
    func randomDamage() {
        let sample = Sample(rowCount: 100)
        var generator = SeededGenerator(seed: 99)
        var errors = 0
        for _ in 0..<20_000 {
            var damaged = sample.bytes
            let footer = sample.pages.upperBound
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let range = Bool.random(using: &generator) ? 0..<damaged.count : footer..<damaged.count
                damaged[Int.random(in: range, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
            }
            if (try? sample.differences(in: damaged)) == nil { errors += 1 }
        }
        #expect(errors > 10_000)
    }

    @Test("a footer that announces a million list elements, or nests without end, is refused")
    func hostileFooters() {
        // A list of structs with 2^40 elements; nested structs; a string longer than the footer.
        let footers: [[UInt8]] = [
            [0x29, 0xFC, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20],
            Array(repeating: 0x8C, count: 100_000),
            [0x15, 0x02, 0x58, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            Array(repeating: 0xFF, count: 64),
            [],
            [0],
        ]
        for footer in footers {
            #expect(throws: ParquetError.self) { try ParquetFile(fileMetaData: footer) }
            #expect(throws: ParquetError.self) { try ParquetMetadata.parseRowGroup(footer) }
        }
    }

    @Test("an error says which column and where")
    func errorText() throws {
        let sample = Sample(rowCount: 200)
        let file = try ParquetFile(bytes: sample.bytes)
        var damaged = sample.bytes
        let chunk = file.rowGroups[0].columns[0]
        damaged[chunk.fileOffset + chunk.compressedByteCount - 1] ^= 1
        let error = #expect(throws: ParquetError.self) { try file.readColumn(group: 0, column: 0, from: damaged) }
        #expect(error?.reason == .checksum)
        #expect(error?.column == chunk.name)
        #expect(error?.offset != nil)
    }
}
