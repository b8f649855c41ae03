/// Writes the wire form of Protocol Buffers: numbers of fields, no schema.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
    }

    /// An unsigned number, or an enumeration's.
    mutating func unsigned(_ field: UInt64, _ value: UInt64) {
        key(field, .varint)
        varint(value)
    }

    /// A signed number (`int64`, `int32`).
    mutating func signed(_ field: UInt64, _ value: Int64) { unsigned(field, UInt64(bitPattern: value)) }

    /// A floating-point number.
    mutating func double(_ field: UInt64, _ value: Double) {
        key(field, .fixed64)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    /// Text.
    mutating func string(_ field: UInt64, _ value: String) { append(field, Array(value.utf8)) }

    /// A message within this one.
    mutating func message(_ field: UInt64, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        append(field, inner.bytes)
    }

    private mutating func append(_ field: UInt64, _ content: [UInt8]) {
        key(field, .bytes)
        varint(UInt64(content.count))
        bytes += content
    }

    private mutating func key(_ field: UInt64, _ type: WireType) { varint(field << 3 | type.rawValue) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
