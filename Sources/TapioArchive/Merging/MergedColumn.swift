/// Numbers of a column, each at its place in the merged group.
struct MergedValues<Value> {
    /// By row; rows without a value hold zero.
    private(set) var all: [Value]
    private var validity: [UInt64]
    /// Rows with a value.
    private(set) var count = 0

    init(rowCount: Int, zero: Value) {
        all = Array(repeating: zero, count: rowCount)
        validity = Array(repeating: 0, count: (rowCount + 63) / 64)
    }

    mutating func add(_ piece: TimeMerge.Piece, _ data: ColumnData, _ values: [Value]) {
        for (row, place) in zip(piece.rows, piece.places) where data.isValid(Int(row)) {
            all[Int(place)] = values[Int(row)]
            validity[Int(place) / 64] |= 1 << UInt64(Int(place) % 64)
            count += 1
        }
    }

    /// The values of the rows that have one, in their order.
    var dense: [Value] {
        if count == all.count { return all }
        return all.indices.filter { validity[$0 / 64] >> UInt64($0 % 64) & 1 != 0 }.map { all[$0] }
    }

    /// A bit for each row; nil where all have a value.
    var bitmap: [UInt64]? { count == all.count ? nil : validity }
}

/// Texts of a column, each at its place in the merged group.
struct MergedTexts: ~Copyable {
    private var interner = BytesInterner()
    private var places: MergedIndices
    private let mostBytes: Int
    /// Whether a text found no room.
    private var isFull = false

    /// Room for different texts of `mostBytes` together.
    init(rowCount: Int, mostBytes: Int = BytesInterner.mostBytes) {
        places = MergedIndices(rowCount: rowCount)
        self.mostBytes = mostBytes
    }

    mutating func add(_ piece: TimeMerge.Piece, _ data: ColumnData) {
        guard case .strings(let strings) = data.values else { return }
        // An entry is looked up once, however many rows have it.
        var known = [UInt32](repeating: StringColumn.noValue, count: strings.entryCount)
        for (row, place) in zip(piece.rows, piece.places) {
            let entry = strings.indices[Int(row)]
            guard entry != StringColumn.noValue else { continue }
            if known[Int(entry)] == StringColumn.noValue {
                let text = Array(strings.entry(Int(entry)))
                // A single one that is too long for all of the room is cut, which shows in `isWhole`.
                let taken = interner.dictionary.byteCount
                guard taken == 0 || taken + text.count <= mostBytes else {
                    isFull = true
                    return
                }
                known[Int(entry)] = unsafe interner.intern(text.span.bytes)
            }
            places.set(known[Int(entry)], at: Int(place))
        }
    }

    /// Whether each text is kept as it was, and all found room.
    var isWhole: Bool { !isFull && interner.refusedCount == 0 && interner.cutCount == 0 }

    /// The text of each row; empty where there is none.
    var byRow: [String] {
        let texts = (0..<interner.dictionary.count).map { String(decoding: interner.dictionary[$0], as: UTF8.self) }
        return places.all.map { $0 == StringColumn.noValue ? "" : texts[Int($0)] }
    }

    /// By row, the place of its text among all of them in the order of bytes.
    var ranks: [Int] {
        let texts = (0..<interner.dictionary.count).map { interner.dictionary[$0] }
        let order = texts.indices.sorted { texts[$0].lexicographicallyPrecedes(texts[$1]) }
        var rank = [Int](repeating: 0, count: texts.count)
        for (place, entry) in order.enumerated() { rank[entry] = place }
        return places.all.map { $0 == StringColumn.noValue ? -1 : rank[Int($0)] }
    }

    func encode(_ column: Int, with encoder: RowGroupEncoder) {
        let dense = places.dense
        if dense.isEmpty, !encoder.schema.columns[column].isRequired { return encoder.allNull(column) }
        let bitmap = dense.count == places.all.count ? nil : places.bitmap
        encoder.strings(column, indices: dense.span, dictionary: interner.dictionary, validity: bitmap?.span)
    }
}

/// Numbers of texts by row.
private struct MergedIndices {
    private(set) var all: [UInt32]

    init(rowCount: Int) {
        all = Array(repeating: StringColumn.noValue, count: rowCount)
    }

    mutating func set(_ index: UInt32, at row: Int) { all[row] = index }

    var dense: [UInt32] { all.filter { $0 != StringColumn.noValue } }

    var bitmap: [UInt64] {
        var bits = [UInt64](repeating: 0, count: (all.count + 63) / 64)
        for (row, index) in all.enumerated() where index != StringColumn.noValue {
            bits[row / 64] |= 1 << UInt64(row % 64)
        }
        return bits
    }
}
