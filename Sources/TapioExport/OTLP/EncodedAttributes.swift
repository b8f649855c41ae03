import TapioArchive
import TapioEvents

/// A column of a row group as attributes of log records.
struct EncodedAttributes {
    /// The values, encoded as far as can be.
    private enum Values {
        /// The whole field by entry of the dictionary.
        case texts(bytes: [UInt8], offsets: [Int], indices: [UInt32])
        /// The whole field by number.
        case words([Int64: [UInt8]], [Int64])
        case integers([Int64])
        case doubles([Double])
        case times([Int64])
    }

    private let data: ColumnData
    private let values: Values
    /// The first field of the `KeyValue`.
    private let key: [UInt8]

    init(_ column: ParquetColumn, _ data: ColumnData) {
        let name = OTLPAttributes.name(column.name)
        var writer = ProtobufWriter()
        writer.field(1, text: name)
        key = writer.bytes
        self.data = data
        switch (data.values, OTLPAttributes.form(column.name)) {
        case (.integers(let numbers), .words(let words)):
            values = .words(words.mapValues { Self.field(name, $0) }, numbers)
        case (.integers(let numbers), .plain):
            values = column.type == .timestampMicros ? .times(numbers) : .integers(numbers)
        case (.doubles(let numbers), _): values = .doubles(numbers)
        case (.strings(let strings), _): values = Self.texts(strings, key: key)
        }
    }

    /// Writes the attribute of a row, if it has one.
    func write(_ row: Int, to record: inout ProtobufWriter) {
        guard data.isValid(row) else { return }
        switch values {
        case .texts(let bytes, let offsets, let indices):
            let entry = Int(indices[row])
            guard entry + 1 < offsets.count else { return }
            record.raw(bytes[offsets[entry]..<offsets[entry + 1]])
        case .words(let words, let numbers):
            if let field = words[numbers[row]] { record.raw(field) }
        case .integers(let numbers):
            let number = UInt64(bitPattern: numbers[row])
            head(&record, valueBytes: 1 + ProtobufWriter.length(ofVarint: number))
            record.field(3, varint: number)
        case .doubles(let numbers):
            head(&record, valueBytes: 9)
            record.field(4, double: numbers[row])
        case .times(let micros):
            let text = UTCText.bytes(micros: micros[row])
            head(&record, valueBytes: 2 + text.count)
            record.field(1, bytes: text)
        }
    }

    /// Everything before an `AnyValue` of less than 128 bytes.
    private func head(_ record: inout ProtobufWriter, valueBytes: Int) {
        record.head(OTLPValue.recordAttributes, byteCount: key.count + 2 + valueBytes)
        record.raw(key)
        record.head(2, byteCount: valueBytes)
    }

    private static func field(_ name: String, _ text: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.field(OTLPValue.recordAttributes, bytes: OTLPValue.pair(name, text))
        return writer.bytes
    }

    private static func texts(_ column: StringColumn, key: [UInt8]) -> Values {
        var writer = ProtobufWriter()
        var offsets = [0]
        offsets.reserveCapacity(column.entryCount + 1)
        for entry in 0..<column.entryCount {
            // A receiver refuses all of a request for one text that is no UTF-8.
            let text = Array(column.text(entry).utf8)
            let valueBytes = 1 + ProtobufWriter.length(ofVarint: UInt64(text.count)) + text.count
            let headBytes = 1 + ProtobufWriter.length(ofVarint: UInt64(valueBytes))
            writer.head(OTLPValue.recordAttributes, byteCount: key.count + headBytes + valueBytes)
            writer.raw(key)
            writer.head(2, byteCount: valueBytes)
            writer.field(1, bytes: text)
            offsets.append(writer.bytes.count)
        }
        return .texts(bytes: writer.bytes, offsets: offsets, indices: column.indices)
    }
}

/// Times as text.
enum UTCText {
    private static let day: Int64 = 86_400_000_000

    /// RFC 3339 with microseconds, such as `2026-03-01T12:00:00.000001Z`; a year that does not fit four digits has more of them.
    static func bytes(micros: Int64) -> [UInt8] {
        let days = micros / day - (micros % day < 0 ? 1 : 0)
        let rest = (micros % day + day) % day
        let date = HumanTime.civil(days: days)
        let year = Int64(date.year)
        var text: [UInt8] = []
        text.reserveCapacity(27)
        func put(_ number: Int64, _ digits: Int, _ end: Unicode.Scalar) {
            var divisor: Int64 = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
                divisor /= 10
            }
            text.append(UInt8(ascii: end))
        }
        if year > 9999 || year < 0 { text += Array(String(year / 10_000).utf8) }
        put(abs(year) % 10_000, 4, "-")
        put(Int64(date.month), 2, "-")
        put(Int64(date.day), 2, "T")
        put(rest / 3_600_000_000, 2, ":")
        put(rest / 60_000_000 % 60, 2, ":")
        put(rest / 1_000_000 % 60, 2, ".")
        put(rest % 1_000_000, 6, "Z")
        return text
    }
}
