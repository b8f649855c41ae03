import TapioQuery

/// The columns of a row group that a report needs, read once each.
struct GroupColumns {
    /// Whole numbers and times.
    struct Integers {
        let values: [Int64]
        let validity: [UInt64]?

        @inline(__always)
        subscript(row: Int) -> Int64? {
            if let validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 { return nil }
            return values[row]
        }
    }

    /// Texts by entry.
    struct Texts {
        let vector: TextVector

        /// The row's entry; nil where it has no value.
        @inline(__always)
        func entry(_ row: Int) -> UInt32? {
            let index = vector.indices[row]
            return index == TextVector.noValue ? nil : index
        }

        /// The row's text, cut at 256 bytes or so: more is of no use on a page.
        func text(_ row: Int) -> String? { entry(row).map { text(entry: $0) } }

        func text(entry: UInt32) -> String {
            let bytes = vector.entry(Int(entry))
            if bytes.count <= GroupColumns.textBytes { return String(decoding: bytes, as: UTF8.self) }
            var cut = bytes.prefix(GroupColumns.textBytes)
            // Not within a character.
            while let last = cut.last, last & 0xc0 == 0x80 { cut.removeLast() }
            if let last = cut.last, last >= 0xc0 { cut.removeLast() }
            return String(decoding: cut, as: UTF8.self) + "…"
        }
    }

    private static let textBytes = 256

    let source: any RowGroupSource
    private let places: [String: Int]
    private var vectors: [String: ColumnVector] = [:]

    init(_ source: any RowGroupSource) {
        self.source = source.reading()
        places = Dictionary(source.columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether the file has such a column.
    func has(_ name: String) -> Bool { places[name] != nil }

    /// What is known of a column; nil where there is none.
    func bounds(_ name: String) -> ColumnBounds? { places[name].map { source.bounds($0) } }

    /// Reads columns; those that are not there, or have no value in any row, are left out. Throws where they are damaged.
    mutating func read(_ names: some Sequence<String>) throws {
        for name in names where vectors[name] == nil {
            guard let place = places[name], source.bounds(place).nullCount != source.rowCount else { continue }
            let vector = try source.read(place)
            guard vector.count == source.rowCount else { throw ReportDamage.rows }
            vectors[name] = vector
        }
    }

    /// A column that was read; nil where it is not there, or not of whole numbers.
    func integers(_ name: String) -> Integers? {
        guard let vector = vectors[name], case .integers(let values) = vector.values else { return nil }
        return Integers(values: values, validity: vector.validity)
    }

    /// The same for doubles, all of them there.
    func doubles(_ name: String) -> [Double]? {
        guard let vector = vectors[name], case .doubles(let values) = vector.values else { return nil }
        return values
    }

    /// Whether each row has a text in a column that was read.
    func isWhole(_ name: String) -> Bool { texts(name).map { !$0.vector.indices.contains(noEntry) } ?? false }

    /// By row, the entry of a column of texts; ``noEntry`` where there is none.
    func entries(_ name: String) -> [UInt32] {
        texts(name)?.vector.indices ?? [UInt32](repeating: noEntry, count: source.rowCount)
    }

    /// The same for texts.
    func texts(_ name: String) -> Texts? {
        guard let vector = vectors[name], case .texts(let texts) = vector.values else { return nil }
        return Texts(vector: texts)
    }
}

/// What is wrong with a row group although each of its columns could be read.
enum ReportDamage: Error, CustomStringConvertible {
    /// Columns of different length.
    case rows
    /// No times or no kinds.
    case columns

    var description: String {
        switch self {
        case .rows: "its columns differ in length"
        case .columns: "it has no columns ts and kind: no archive of tapio"
        }
    }
}

extension ColumnVector {
    fileprivate var count: Int {
        switch values {
        case .integers(let values): values.count
        case .doubles(let values): values.count
        case .texts(let texts): texts.indices.count
        }
    }
}
