import TapioEvents

/// One of the keys that rows are grouped by: makes a word of each value, equal where the values are, and a value of each word.
///
/// Texts are told apart by dictionary entry: none is hashed or compared per row.
final class GroupKeyColumn {
    let key: GroupKey
    private var texts = TextInterner()

    init(_ key: GroupKey) {
        self.key = key
    }

    /// Bytes of the texts that it holds.
    var textBytes: Int { texts.bytes.count }

    private var type: ColumnType { key.column?.type ?? .timestamp }

    /// Writes the word of each of `rows` to `place` of its key in `words`. In a key's last word it sets the bit of that place
    /// where there is no value; `column` is nil where the file has none.
    func write(_ rows: [Int32], of column: ColumnVector?, to words: inout [Int64], stride: Int, place: Int) {
        let absent = Int64(1) << Int64(place & 63)
        let last = stride - 1 - place
        var at = place
        switch (column?.values, type) {
        case (.texts(let texts), .string):
            write(texts, rows, to: &words, stride: stride, place: place)
        case (.integers(let values), .int32), (.integers(let values), .int64), (.integers(let values), .timestamp):
            let bucket = key.bucketUs
            let validity = column?.validity
            for row in rows {
                let row = Int(row)
                if let validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 {
                    words[at + last] |= absent
                } else {
                    words[at] = bucket == 0 ? values[row] : Self.begin(values[row], bucket)
                }
                at += stride
            }
        case (.doubles(let values), .double):
            for row in rows {
                let value = values[Int(row)]
                if value.isNaN || column?.isValid(Int(row)) != true {
                    words[at + last] |= absent
                } else {
                    // Both zeros are one.
                    words[at] = Int64(bitPattern: (value == 0 ? 0 : value).bitPattern)
                }
                at += stride
            }
        default:
            for _ in rows {
                words[at + last] |= absent
                at += stride
            }
        }
    }

    private func write(_ vector: TextVector, _ rows: [Int32], to words: inout [Int64], stride: Int, place: Int) {
        let absent = Int64(1) << Int64(place & 63)
        let last = stride - 1 - place
        var known = TextInterner()
        swap(&known, &texts)
        defer { swap(&known, &texts) }
        var numbers = [Int32](repeating: -1, count: vector.entryCount)
        var at = place
        for row in rows {
            let entry = vector.indices[Int(row)]
            if entry == TextVector.noValue {
                words[at + last] |= absent
            } else {
                var number = numbers[Int(entry)]
                if number < 0 {
                    number = Int32(known.intern(vector.entry(Int(entry))))
                    numbers[Int(entry)] = number
                }
                words[at] = Int64(number)
            }
            at += stride
        }
    }

    /// The begin of the bucket, rounded down before 1970 too.
    private static func begin(_ value: Int64, _ width: Int64) -> Int64 {
        let remainder = value % width
        return value &- (remainder < 0 ? remainder + width : remainder)
    }

    /// The value that a word stands for.
    func value(_ word: Int64) -> EventValue {
        switch type {
        case .string: .string(String(decoding: texts.text(Int(word)), as: UTF8.self))
        case .timestamp: .timestamp(word)
        case .int32, .int64: .int(word)
        case .double: .double(Double(bitPattern: UInt64(bitPattern: word)))
        }
    }

    /// The order of two words' values: below, at or above 0.
    func compare(_ left: Int64, _ right: Int64) -> Int {
        if left == right { return 0 }
        switch type {
        case .string:
            return texts.text(Int(left)).lexicographicallyPrecedes(texts.text(Int(right))) ? -1 : 1
        case .double:
            let left = Double(bitPattern: UInt64(bitPattern: left))
            return left < Double(bitPattern: UInt64(bitPattern: right)) ? -1 : 1
        case .timestamp, .int32, .int64: return left < right ? -1 : 1
        }
    }
}
