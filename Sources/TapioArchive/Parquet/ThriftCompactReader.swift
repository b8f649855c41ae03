/// Reads Thrift's compact protocol from bytes that are not trusted: every length is checked against what is left, nesting is
/// bounded, and unknown fields are skipped.
struct ThriftCompactReader {
    typealias WireType = ThriftCompactWriter.WireType

    /// A field's number and how its value is encoded.
    struct Field {
        let number: Int16
        let type: WireType
    }

    private let bytes: [UInt8]
    private(set) var position = 0
    private var depth = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Reads a struct; `body` gets each field and must read or skip its value.
    mutating func structure(
        _ body: (inout ThriftCompactReader, Field) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        depth += 1
        guard depth <= ReaderLimit.depth else { throw error(.limit, "metadata is nested too deeply") }
        var number: Int16 = 0
        while true {
            let header = try byte()
            if header == 0 { break }
            guard let type = WireType(rawValue: header & 0x0F) else {
                throw error(.malformed, "unknown Thrift type \(header & 0x0F)")
            }
            if header >> 4 == 0 {
                guard let absolute = Int16(exactly: try zigzag()) else {
                    throw error(.malformed, "Thrift field number out of range")
                }
                number = absolute
            } else {
                let (next, overflow) = number.addingReportingOverflow(Int16(header >> 4))
                guard !overflow else { throw error(.malformed, "Thrift field number out of range") }
                number = next
            }
            try body(&self, Field(number: number, type: type))
        }
        depth -= 1
    }

    /// Reads a struct that is a field.
    mutating func structure(
        _ field: Field,
        _ body: (inout ThriftCompactReader, Field) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        try expect(field, .structure)
        try structure(body)
    }

    /// Reads a list; `element` is called once per element and must read it.
    mutating func list(
        _ field: Field,
        of type: WireType,
        _ element: (inout ThriftCompactReader) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        try expect(field, .list)
        let (count, elementType) = try listHeader()
        guard elementType == type || count == 0 else {
            throw error(.malformed, "list of Thrift type \(elementType), not \(type)")
        }
        for _ in 0..<count { try element(&self) }
    }

    mutating func bool(_ field: Field) throws(ParquetError) -> Bool {
        switch field.type {
        case .boolTrue: return true
        case .boolFalse: return false
        default: throw error(.malformed, "field \(field.number) is no Bool")
        }
    }

    mutating func int32(_ field: Field) throws(ParquetError) -> Int32 {
        try expect(field, .int32)
        return try int32()
    }

    mutating func int64(_ field: Field) throws(ParquetError) -> Int64 {
        try expect(field, .int64)
        return try zigzag()
    }

    mutating func binary(_ field: Field) throws(ParquetError) -> [UInt8] {
        try expect(field, .binary)
        return try binary()
    }

    mutating func string(_ field: Field) throws(ParquetError) -> String {
        String(decoding: try binary(field), as: UTF8.self)
    }

    mutating func int32() throws(ParquetError) -> Int32 {
        guard let value = Int32(exactly: try zigzag()) else { throw error(.malformed, "32-bit number out of range") }
        return value
    }

    mutating func binary() throws(ParquetError) -> [UInt8] {
        let count = try length()
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Steps over the value of a field.
    mutating func skip(_ field: Field) throws(ParquetError) {
        // A field's Bool is in its header.
        if field.type != .boolTrue && field.type != .boolFalse { try skip(field.type) }
    }

    private mutating func skip(_ type: WireType) throws(ParquetError) {
        switch type {
        case .boolTrue, .boolFalse, .byte: _ = try byte()
        case .int16, .int32, .int64: _ = try varint()
        case .double: try advance(8)
        case .binary: try advance(try length())
        case .structure: try structure { (reader, field) throws(ParquetError) in try reader.skip(field) }
        case .list, .set:
            let (count, elementType) = try listHeader()
            try nested { (reader) throws(ParquetError) in
                for _ in 0..<count { try reader.skip(elementType) }
            }
        case .map:
            let count = try length()
            guard count > 0 else { return }
            let types = try byte()
            guard let key = WireType(rawValue: types >> 4), let value = WireType(rawValue: types & 0x0F) else {
                throw error(.malformed, "unknown Thrift type in a map")
            }
            try nested { (reader) throws(ParquetError) in
                for _ in 0..<count {
                    try reader.skip(key)
                    try reader.skip(value)
                }
            }
        }
    }

    private mutating func nested(
        _ body: (inout ThriftCompactReader) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        depth += 1
        guard depth <= ReaderLimit.depth else { throw error(.limit, "metadata is nested too deeply") }
        try body(&self)
        depth -= 1
    }

    private func expect(_ field: Field, _ type: WireType) throws(ParquetError) {
        guard field.type == type else {
            throw error(.malformed, "field \(field.number) has Thrift type \(field.type), not \(type)")
        }
    }

    /// A list's length, never more than there are bytes left: each element takes at least one.
    private mutating func listHeader() throws(ParquetError) -> (Int, WireType) {
        let header = try byte()
        guard let type = WireType(rawValue: header & 0x0F) else { throw error(.malformed, "unknown Thrift list type") }
        let count = header >> 4 == 15 ? try length() : Int(header >> 4)
        guard count <= bytes.count - position else { throw error(.truncated, "list of \(count) is cut short") }
        return (count, type)
    }

    private mutating func length() throws(ParquetError) -> Int {
        let value = try varint()
        guard value <= UInt64(bytes.count - position) else { throw error(.truncated, "length \(value) is too large") }
        return Int(value)
    }

    private mutating func advance(_ count: Int) throws(ParquetError) {
        guard count <= bytes.count - position else { throw error(.truncated, "metadata is cut short") }
        position += count
    }

    private mutating func byte() throws(ParquetError) -> UInt8 {
        guard position < bytes.count else { throw error(.truncated, "metadata is cut short") }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func zigzag() throws(ParquetError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    private mutating func varint() throws(ParquetError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let next = try byte()
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
        }
        throw error(.malformed, "Thrift number is too long")
    }

    private func error(_ reason: ParquetError.Reason, _ message: String) -> ParquetError {
        ParquetError(reason, message, offset: position)
    }
}
