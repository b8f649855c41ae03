import TapioEvents

/// Events of the running agent as a row group in memory: columns appear with their first value.
struct LiveRows: RowGroupSource {
    private(set) var columns: [SourceColumn] = []
    private(set) var rowCount = 0
    private var places: [String: Int] = [:]
    private var vectors: [ColumnVector] = []

    var name: String { "the running agent" }
    var byteCount: Int { 0 }

    func place(of name: String) -> Int? { places[name] }

    /// Nothing is known without reading; but here reading is free.
    func bounds(_ column: Int) -> ColumnBounds { ColumnBounds() }

    func read(_ column: Int) throws -> ColumnVector { vectors[column] }

    /// Begins a row; what is not set in it is null.
    mutating func beginRow() { rowCount += 1 }

    /// Sets a value of the last row.
    mutating func set(_ column: Column, _ value: EventValue) {
        if value == .null || rowCount == 0 { return }
        let place = place(of: column)
        vectors[place].fill(to: rowCount - 1, column.type)
        vectors[place].append(value)
    }

    /// Ends the group: all columns are of one length.
    mutating func end() {
        for (place, column) in columns.enumerated() { vectors[place].fill(to: rowCount, column.type) }
    }

    private mutating func place(of column: Column) -> Int {
        if let known = places[column.name] { return known }
        places[column.name] = columns.count
        columns.append(SourceColumn(name: column.name, type: column.type))
        switch column.type {
        case .int32, .int64, .timestamp: vectors.append(ColumnVector(.integers([]), validity: []))
        case .double: vectors.append(ColumnVector(.doubles([]), validity: []))
        case .string:
            vectors.append(ColumnVector(.texts(TextVector(bytes: [], offsets: [0], indices: [])), validity: []))
        }
        return columns.count - 1
    }
}

extension ColumnVector {
    /// Rows so far.
    private var rowCount: Int {
        switch values {
        case .integers(let values): values.count
        case .doubles(let values): values.count
        case .texts(let texts): texts.indices.count
        }
    }

    /// Appends nulls until there are `count` rows.
    fileprivate mutating func fill(to count: Int, _ type: ColumnType) {
        let missing = count - rowCount
        if missing <= 0 { return }
        switch values {
        case .integers(var values):
            self.values = .integers([])
            values.append(contentsOf: repeatElement(0, count: missing))
            self.values = .integers(values)
        case .doubles(var values):
            self.values = .doubles([])
            values.append(contentsOf: repeatElement(0, count: missing))
            self.values = .doubles(values)
        case .texts(var texts):
            self.values = .integers([])
            texts.indices.append(contentsOf: repeatElement(TextVector.noValue, count: missing))
            self.values = .texts(texts)
        }
        growValidity(to: count)
    }

    fileprivate mutating func append(_ value: EventValue) {
        let row = rowCount
        switch (values, value) {
        case (.integers(var values), .int(let number)), (.integers(var values), .timestamp(let number)):
            self.values = .integers([])
            values.append(number)
            self.values = .integers(values)
        case (.doubles(var values), .double(let number)):
            self.values = .doubles([])
            values.append(number)
            self.values = .doubles(values)
        case (.texts(var texts), .string(let text)):
            self.values = .integers([])
            texts.indices.append(UInt32(texts.entryCount))
            texts.bytes += text.utf8
            texts.offsets.append(UInt32(truncatingIfNeeded: texts.bytes.count))
            self.values = .texts(texts)
        default: return
        }
        growValidity(to: row + 1)
        validity?[row >> 6] |= 1 << UInt64(row & 63)
    }

    private mutating func growValidity(to count: Int) {
        while (validity?.count ?? 0) * 64 < count { validity?.append(0) }
    }
}
