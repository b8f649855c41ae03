/// Reads the few fields of an answer in the wire format of Protocol Buffers. Nothing in it is trusted.
struct ProtobufReader {
    /// A field's value.
    enum Value {
        case number(UInt64)
        case bytes([UInt8])
    }

    /// More is no answer of such a server.
    private static let mostFields = 64

    /// The fields of a message by their number, the last where one occurs twice; nil where it is no message.
    static func fields(_ bytes: [UInt8]) -> [UInt64: Value]? {
        var reader = ProtobufReader(bytes: bytes)
        var fields: [UInt64: Value] = [:]
        for _ in 0..<mostFields {
            if reader.position == bytes.count { return fields }
            guard let (number, value) = reader.next() else { return nil }
            fields[number] = value
        }
        return nil
    }

    private let bytes: [UInt8]
    private var position = 0

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func next() -> (UInt64, Value)? {
        guard let tag = varint(), tag >> 3 > 0 else { return nil }
        switch tag & 7 {
        case 0: return varint().map { (tag >> 3, .number($0)) }
        case 1: return take(8).map { (tag >> 3, .bytes($0)) }
        case 2: return varint().flatMap { Int(exactly: $0) }.flatMap { take($0) }.map { (tag >> 3, .bytes($0)) }
        case 5: return take(4).map { (tag >> 3, .bytes($0)) }
        default: return nil
        }
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        guard count <= bytes.count - position else { return nil }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }
}
