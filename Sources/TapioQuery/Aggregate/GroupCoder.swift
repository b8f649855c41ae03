import TapioEvents

/// Gives the selected rows of one row group small numbers, equal where all keys are equal.
///
/// Strings are told apart by dictionary entry: no string is hashed or compared per row.
struct GroupCoder {
    /// By selected row.
    private(set) var codes: [Int32]
    /// By code, the keys' values.
    private(set) var keys: [[EventValue]]
    private let rows: [Int32]

    /// All rows in one group.
    init(rows: [Int32]) {
        self.rows = rows
        codes = [Int32](repeating: 0, count: rows.count)
        keys = [[]]
    }

    /// Divides the groups by one more key; `column` is nil where the file has none.
    mutating func divide(by key: GroupKey, _ column: ColumnVector?) {
        guard let column else {
            for index in keys.indices { keys[index].append(.null) }
            return
        }
        var (own, values) = code(column, key)
        let width = values.count
        if keys.count == 1 && keys[0].isEmpty {
            codes = own
            keys = values.map { [$0] }
            return
        }
        var combined: [(Int32, Int32)] = []
        let product = keys.count * width
        if product <= 1 << 20 {
            var table = [Int32](repeating: -1, count: product)
            for index in own.indices {
                let place = Int(codes[index]) * width + Int(own[index])
                if table[place] < 0 {
                    table[place] = Int32(combined.count)
                    combined.append((codes[index], own[index]))
                }
                own[index] = table[place]
            }
        } else {
            var table: [Int: Int32] = [:]
            for index in own.indices {
                let place = Int(codes[index]) * width + Int(own[index])
                if let known = table[place] {
                    own[index] = known
                } else {
                    let next = Int32(combined.count)
                    table[place] = next
                    combined.append((codes[index], own[index]))
                    own[index] = next
                }
            }
        }
        keys = combined.map { keys[Int($0)] + [values[Int($1)]] }
        codes = own
    }

    private func code(_ column: ColumnVector, _ key: GroupKey) -> ([Int32], [EventValue]) {
        var values: [EventValue] = []
        var own = [Int32](repeating: 0, count: rows.count)
        var null: Int32 = -1
        func codeOfNull() -> Int32 {
            if null < 0 {
                null = Int32(values.count)
                values.append(.null)
            }
            return null
        }
        switch column.values {
        case .texts(let texts):
            var codeOfEntry = [Int32](repeating: -1, count: texts.entryCount)
            for (index, row) in rows.enumerated() {
                let entry = texts.indices[Int(row)]
                if entry == TextVector.noValue {
                    own[index] = codeOfNull()
                    continue
                }
                if codeOfEntry[Int(entry)] < 0 {
                    codeOfEntry[Int(entry)] = Int32(values.count)
                    values.append(.string(texts.text(Int(entry))))
                }
                own[index] = codeOfEntry[Int(entry)]
            }
        case .integers(let integers):
            let isTimestamp = key.isTime || key.column?.type == .timestamp
            var codeOfValue: [Int64: Int32] = [:]
            // Rows are sorted when they are encoded, so the same value often follows.
            var last: (value: Int64, code: Int32)?
            for (index, row) in rows.enumerated() {
                guard column.isValid(Int(row)) else {
                    own[index] = codeOfNull()
                    continue
                }
                let value = key.isTime ? Self.bucket(integers[Int(row)], key.bucketUs) : integers[Int(row)]
                if let last, last.value == value {
                    own[index] = last.code
                    continue
                }
                let code = codeOfValue[value] ?? Int32(values.count)
                if Int(code) == values.count {
                    codeOfValue[value] = code
                    values.append(isTimestamp ? .timestamp(value) : .int(value))
                }
                last = (value, code)
                own[index] = code
            }
        case .doubles(let doubles):
            var codeOfValue: [Double: Int32] = [:]
            for (index, row) in rows.enumerated() {
                let value = doubles[Int(row)]
                guard column.isValid(Int(row)), !value.isNaN else {
                    own[index] = codeOfNull()
                    continue
                }
                let code = codeOfValue[value] ?? Int32(values.count)
                if Int(code) == values.count {
                    codeOfValue[value] = code
                    values.append(.double(value))
                }
                own[index] = code
            }
        }
        return (own, values)
    }

    /// The begin of the bucket, rounded down before 1970 too.
    private static func bucket(_ value: Int64, _ width: Int64) -> Int64 {
        let remainder = value % width
        return value &- (remainder < 0 ? remainder + width : remainder)
    }
}
