import TapioArchive

/// A reproducible stream of numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// A column with its values row by row, nil where there is none.
struct ParquetTestColumn {
    enum Values {
        case integers([Int64?])
        case doubles([Double?])
        case strings([[UInt8]?])
    }

    let column: ParquetColumn
    let values: Values

    /// Gives the column to an encoder.
    func encode(at index: Int, into encoder: RowGroupEncoder, interner: inout BytesInterner) {
        switch values {
        case .integers(let values):
            let dense = values.compactMap { $0 }
            let bits = Self.bitmap(values)
            encoder.integers(index, values: dense.span, validity: dense.count == values.count ? nil : bits.span)
        case .doubles(let values):
            let dense = values.compactMap { $0 }
            let bits = Self.bitmap(values)
            encoder.double(index, values: dense.span, validity: dense.count == values.count ? nil : bits.span)
        case .strings(let values):
            let places = values.compactMap { $0.map { interner.intern($0.span.bytes) } }
            let bits = Self.bitmap(values)
            encoder.strings(
                index,
                indices: places.span,
                dictionary: interner.dictionary,
                validity: places.count == values.count ? nil : bits.span
            )
        }
    }

    /// A bit per row; those behind the last row are set, since the encoder must not care.
    static func bitmap<Value>(_ values: [Value?]) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: values.count / 64 + 1)
        for row in 0..<bits.count * 64 where row >= values.count || values[row] != nil {
            bits[row / 64] |= 1 << UInt64(row % 64)
        }
        return bits
    }

    /// Whether the column was read as it was written: doubles bit by bit, text repaired.
    func matches(_ data: ColumnData) -> Bool {
        switch (values, data.values) {
        case (.integers(let expected), .integers(let actual)):
            return expected.count == actual.count
                && expected.indices.allSatisfy {
                    data.isValid($0) ? expected[$0] == actual[$0] : expected[$0] == nil && actual[$0] == 0
                }
        case (.doubles(let expected), .doubles(let actual)):
            return expected.count == actual.count
                && expected.indices.allSatisfy {
                    data.isValid($0)
                        ? expected[$0]?.bitPattern == actual[$0].bitPattern : expected[$0] == nil && actual[$0] == 0
                }
        case (.strings(let expected), .strings(let actual)):
            return expected.count == actual.indices.count
                && expected.indices.allSatisfy {
                    guard data.isValid($0) else {
                        return expected[$0] == nil && actual.indices[$0] == StringColumn.noValue
                    }
                    return expected[$0].map { Array(String(decoding: $0, as: UTF8.self).utf8) }
                        == Array(actual.entry(Int(actual.indices[$0])))
                }
        default: return false
        }
    }

    /// One line for the script that compares with other readers: name, type, values (`-` for none, hex for text and doubles).
    var expectation: String {
        let texts: [String]
        switch values {
        case .integers(let values): texts = values.map { $0.map { String($0) } ?? "-" }
        case .doubles(let values): texts = values.map { $0.map { "d" + String($0.bitPattern, radix: 16) } ?? "-" }
        case .strings(let values):
            texts = values.map { value in
                guard let value else { return "-" }
                var text = "x"
                for byte in String(decoding: value, as: UTF8.self).utf8 {
                    text.append(Self.hexDigits[Int(byte >> 4)])
                    text.append(Self.hexDigits[Int(byte & 15)])
                }
                return text
            }
        }
        return "\(column.name)\t\(column.type)\t\(column.fieldID)\t" + texts.joined(separator: ",")
    }

    private static let hexDigits = Array("0123456789abcdef")
}

/// Files made of groups of test columns.
enum ParquetTestFile {
    static let createdBy = "tapio version 0.0.1"

    static func encode(_ columns: [ParquetTestColumn], rowCount: Int, with encoder: RowGroupEncoder) -> EncodedRowGroup
    {
        var interner = BytesInterner()
        encoder.begin(rowCount: rowCount)
        for (index, column) in columns.enumerated() { column.encode(at: index, into: encoder, interner: &interner) }
        return encoder.finish()
    }

    /// A complete file with these groups.
    static func assemble(
        schema: ParquetSchema,
        groups: [EncodedRowGroup],
        keyValues: [(String, String)] = []
    ) -> [UInt8] {
        var file = ParquetMetadata.magic
        var metadata: [[UInt8]] = []
        for group in groups {
            metadata.append(group.metadata(at: Int64(file.count)))
            file += Array(group.bytes)
        }
        let footer = ParquetMetadata.fileMetaData(
            schema: schema,
            rowCount: Int64(groups.reduce(0) { $0 + $1.rowCount }),
            rowGroups: metadata,
            keyValues: keyValues,
            createdBy: createdBy
        )
        file += footer
        for shift in [0, 8, 16, 24] { file.append(UInt8(truncatingIfNeeded: footer.count >> shift)) }
        return file + ParquetMetadata.magic
    }
}
