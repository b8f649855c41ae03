/// A PageHeader of the Parquet format: what follows it, and how large it is.
struct PageHeader {
    enum Kind: Equatable {
        case dictionary(count: Int)
        case data(count: Int, encoding: PageEncoding)
    }

    let kind: Kind
    let uncompressedByteCount: Int
    let compressedByteCount: Int
    /// Bytes of the header itself.
    let headerByteCount: Int

    /// Reads the header that `bytes` begin with.
    init(_ bytes: [UInt8]) throws(ParquetError) {
        var reader = ThriftCompactReader(bytes)
        var type: Int32?
        var sizes: [Int16: Int32] = [:]
        var data: [Int16: Int32] = [:]
        var dictionary: [Int16: Int32] = [:]
        try reader.structure { (reader, field) throws(ParquetError) in
            switch field.number {
            case 1: type = try reader.int32(field)
            case 2, 3: sizes[field.number] = try reader.int32(field)
            case 5: data = try reader.numbers(field)
            case 7: dictionary = try reader.numbers(field)
            default: try reader.skip(field)
            }
        }
        guard let uncompressed = sizes[2], let compressed = sizes[3], uncompressed >= 0, compressed >= 0 else {
            throw ParquetError(.malformed, "page header without sizes")
        }
        uncompressedByteCount = Int(uncompressed)
        compressedByteCount = Int(compressed)
        headerByteCount = reader.position
        let details = type == 2 ? dictionary : data
        guard type == 0 || type == 2 else { throw ParquetError(.unsupported, "page type \(type ?? -1)") }
        guard let count = details[1], count >= 0, count <= ReaderLimit.rows, let number = details[2] else {
            throw ParquetError(.malformed, "page header without a sensible count")
        }
        guard let encoding = PageEncoding(rawValue: number) else {
            throw ParquetError(.unsupported, "encoding \(number)")
        }
        if type == 2 {
            guard encoding == .plain || encoding == .plainDictionary else {
                throw ParquetError(.malformed, "dictionary page in encoding \(encoding)")
            }
            kind = .dictionary(count: Int(count))
        } else {
            guard data[3] == PageEncoding.runLength.rawValue else {
                throw ParquetError(.unsupported, "definition levels in encoding \(data[3] ?? -1)")
            }
            kind = .data(count: Int(count), encoding: encoding)
        }
    }
}

extension ThriftCompactReader {
    /// The 32-bit fields of a struct by number; all others are skipped.
    fileprivate mutating func numbers(_ field: Field) throws(ParquetError) -> [Int16: Int32] {
        var numbers: [Int16: Int32] = [:]
        try structure(field) { (reader, field) throws(ParquetError) in
            if field.type == .int32 {
                numbers[field.number] = try reader.int32(field)
            } else {
                try reader.skip(field)
            }
        }
        return numbers
    }
}
