import TapioArchive
import Testing

@Suite("Parquet: what is written is read back")
struct ParquetRoundTripTests {
    static let rowCounts = [0, 1, 2, 7, 8, 9, 63, 64, 65, 333, 1000, 4097]

    @Test("every type, pattern and kind of gaps, by row count", arguments: rowCounts)
    func everyColumn(rowCount: Int) throws {
        let first = ParquetTestColumns.make(rowCount: rowCount, seed: UInt64(rowCount) + 1)
        let second = ParquetTestColumns.make(rowCount: rowCount, seed: UInt64(rowCount) + 7777)
        let schema = ParquetSchema(columns: first.map(\.column))
        let encoder = RowGroupEncoder(schema: schema)
        let groups = [first, second].map { ParquetTestFile.encode($0, rowCount: rowCount, with: encoder) }
        let bytes = ParquetTestFile.assemble(schema: schema, groups: groups, keyValues: [("node", "a"), ("boot", "b")])
        let file = try ParquetFile(bytes: bytes)
        #expect(file.schema == schema)
        #expect(file.rowCount == rowCount * 2)
        #expect(file.createdBy == ParquetTestFile.createdBy)
        #expect(file.keyValues.map(\.key) == ["node", "boot"])
        for (group, columns) in [first, second].enumerated() {
            for (index, column) in columns.enumerated() {
                let data = try file.readColumn(group: group, column: index, from: bytes)
                #expect(column.matches(data), "\(column.column.name), group \(group)")
                expectBounds(column, file.rowGroups[group].statistics(index))
            }
        }
    }

    @Test("a group can be read from its own metadata, without a footer")
    func lonelyGroup() throws {
        let columns = ParquetTestColumns.make(rowCount: 100, seed: 5)
        let schema = ParquetSchema(columns: columns.map(\.column))
        let group = ParquetTestFile.encode(columns, rowCount: 100, with: RowGroupEncoder(schema: schema))
        let bytes = Array(repeating: 0, count: 1000) + Array(group.bytes)
        let info = try ParquetMetadata.parseRowGroup(group.metadata(at: 1000))
        #expect(info.uncompressedByteCount == group.uncompressedByteCount)
        for (index, column) in columns.enumerated() {
            let data = try ParquetFile.readColumn(of: info, schema: schema, column: index, from: bytes.span.bytes)
            #expect(column.matches(data), "\(column.column.name)")
        }
    }

    @Test("more than 60,000 distinct values give up the dictionary; near-monotone integers are delta-packed")
    func manyDistinct() throws {
        let rowCount = 131_073
        var generator = SeededGenerator(seed: 3)
        var columns: [ParquetTestColumn] = []
        func add(_ name: String, _ type: ParquetType, _ values: ParquetTestColumn.Values) {
            columns.append(
                ParquetTestColumn(
                    column: ParquetColumn(name: name, type: type, isRequired: true, fieldID: Int32(columns.count)),
                    values: values
                )
            )
        }
        add("text", .string, .strings((0..<rowCount).map { Array("\($0 % 61_000)".utf8) }))
        add("random", .int64, .integers((0..<rowCount).map { _ in .random(in: .min ... .max, using: &generator) }))
        add("seq", .int64, .integers((0..<rowCount).map { Int64($0) * 3 }))
        add("ts", .timestampMicros, .integers((0..<rowCount).map { 1_700_000_000_000_000 + Int64($0) * 11 }))
        add("port", .int32, .integers((0..<rowCount).map { _ in .random(in: 1...60, using: &generator) }))
        add("name", .string, .strings((0..<rowCount).map { Array("pod-\($0 / 500)".utf8) }))
        add("float", .double, .doubles((0..<rowCount).map { _ in .random(in: 0...1, using: &generator) }))
        let schema = ParquetSchema(columns: columns.map(\.column))
        let group = ParquetTestFile.encode(columns, rowCount: rowCount, with: RowGroupEncoder(schema: schema))
        let bytes = ParquetTestFile.assemble(schema: schema, groups: [group])
        let file = try ParquetFile(bytes: bytes)
        let expected: [ColumnEncodings] = [
            .plain, .plain, .deltaBinaryPacked, .deltaBinaryPacked, .dictionary, .dictionary, .plain,
        ]
        for (index, column) in columns.enumerated() {
            let encodings = file.rowGroups[0].columns[index].encodings
            #expect(encodings.contains(expected[index]), "\(column.column.name)")
            #expect(encodings.contains(.dictionary) == (expected[index] == .dictionary), "\(column.column.name)")
            #expect(column.matches(try file.readColumn(group: 0, column: index, from: bytes)), "\(column.column.name)")
        }
    }

    @Test("strings of 1 MiB, alone and repeated, and what is longer is cut and counted")
    func hugeStrings() throws {
        let huge = [UInt8](repeating: 0x61, count: 1 << 20)
        let other = [UInt8](repeating: 0x62, count: 1 << 20)
        let column = ParquetColumn(name: "s", type: .string, isRequired: true, fieldID: 1)
        let schema = ParquetSchema(columns: [column])
        let encoder = RowGroupEncoder(schema: schema)
        for values in [[huge], [huge, other], (0..<300).map { $0 % 2 == 0 ? huge : other }] {
            let test = ParquetTestColumn(column: column, values: .strings(values))
            let group = ParquetTestFile.encode([test], rowCount: values.count, with: encoder)
            let bytes = ParquetTestFile.assemble(schema: schema, groups: [group])
            #expect(bytes.count < 1 << 20)
            let file = try ParquetFile(bytes: bytes)
            #expect(test.matches(try file.readColumn(group: 0, column: 0, from: bytes)))
        }
        var interner = BytesInterner()
        let index = interner.intern((huge + [0x63]).span.bytes)
        #expect(interner.dictionary[Int(index)] == huge)
        #expect(interner.cutCount == 1)
    }

    @Test("an interner that is full says so, stays within its bound and takes values again after a reset")
    func fullInterner() {
        var interner = BytesInterner()
        let mebibyte = [UInt8](repeating: 1, count: 1 << 20)
        for index in 0..<70 {
            var value = mebibyte
            value[0] = UInt8(index)
            _ = interner.intern(value.span.bytes)
        }
        #expect(interner.refusedCount == 6)
        #expect(interner.dictionary.byteCount <= BytesInterner.mostBytes)
        interner.reset()
        let index = interner.intern(([1, 2, 3] as [UInt8]).span.bytes)
        #expect(interner.dictionary[Int(index)] == [1, 2, 3])
        #expect(interner.dictionary.count == 1)
    }

    @Test("an interner gives equal numbers to equal values and to no others")
    func internerMatchesADictionary() {
        var interner = BytesInterner()
        var model: [[UInt8]: UInt32] = [:]
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<30_000 {
            let length = Int.random(in: 0...20, using: &generator)
            let value = (0..<length).map { _ in UInt8(generator.next() % 3) }
            let index = interner.intern(value.span.bytes)
            #expect(model[value, default: index] == index)
            model[value] = index
        }
        #expect(interner.dictionary.count == model.count)
        for (value, index) in model { #expect(interner.dictionary[Int(index)] == value) }
    }

    @Test("columns that were not given are all-null, and a constant fills each row")
    func leftOut() throws {
        let schema = ParquetSchema(columns: [
            ParquetColumn(name: "weight", type: .double, isRequired: true, fieldID: 1),
            ParquetColumn(name: "kind", type: .int32, isRequired: false, fieldID: 2),
            ParquetColumn(name: "pod", type: .string, isRequired: false, fieldID: 3),
            ParquetColumn(name: "bytes", type: .int64, isRequired: false, fieldID: 4),
        ])
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: 1000)
        encoder.constant(0, double: 1)
        encoder.constant(1, integer: -7)
        let group = encoder.finish()
        #expect(group.columns[2].compressedByteCount < 60)
        let bytes = ParquetTestFile.assemble(schema: schema, groups: [group])
        let file = try ParquetFile(bytes: bytes)
        guard case .doubles(let weights) = try file.readColumn(group: 0, column: 0, from: bytes).values,
            case .integers(let kinds) = try file.readColumn(group: 0, column: 1, from: bytes).values
        else { return #expect(Bool(false), "columns of other types") }
        #expect(weights == Array(repeating: 1, count: 1000))
        #expect(kinds == Array(repeating: -7, count: 1000))
        for column in 2...3 {
            #expect(try file.readColumn(group: 0, column: column, from: bytes).nullCount == 1000)
            #expect(file.rowGroups[0].statistics(column) == ColumnStatistics(nullCount: 1000))
        }
    }

    /// The bounds enclose each value, and are the least ones where they claim to be.
    private func expectBounds(_ test: ParquetTestColumn, _ statistics: ColumnStatistics?) {
        let name = Comment(rawValue: test.column.name)
        switch test.values {
        case .integers(let values):
            let present = values.compactMap { $0 }
            #expect(statistics?.nullCount == values.count - present.count, name)
            #expect(statistics?.minimum == present.min().map { .integer($0) }, name)
            #expect(statistics?.maximum == present.max().map { .integer($0) }, name)
        case .doubles(let values):
            let present = values.compactMap { $0 }
            let hasNaN = present.contains { $0.isNaN }
            #expect(statistics?.minimum == (hasNaN ? nil : present.min().map { .double($0) }), name)
            #expect(statistics?.maximum == (hasNaN ? nil : present.max().map { .double($0) }), name)
        case .strings(let values):
            let present = values.compactMap { $0.map { Array(String(decoding: $0, as: UTF8.self).utf8) } }
            if case .string(let bound)? = statistics?.minimum {
                #expect(present.allSatisfy { !$0.lexicographicallyPrecedes(bound) }, name)
                #expect(statistics?.isMinimumExact != true || present.contains(bound), name)
                #expect(String(validating: bound, as: UTF8.self) != nil && bound.count <= 65, name)
            } else {
                #expect(present.isEmpty, name)
            }
            if case .string(let bound)? = statistics?.maximum {
                #expect(present.allSatisfy { !bound.lexicographicallyPrecedes($0) }, name)
                #expect(statistics?.isMaximumExact != true || present.contains(bound), name)
                #expect(String(validating: bound, as: UTF8.self) != nil && bound.count <= 65, name)
            }
        }
    }
}
