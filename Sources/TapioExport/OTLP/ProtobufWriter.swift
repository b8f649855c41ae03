/// Writes the wire format of Protocol Buffers, as far as OTLP needs it.
struct ProtobufWriter {
    /// How a field's value is laid out.
    private enum Wire: UInt64 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
    }

    /// What was written.
    private(set) var bytes: [UInt8] = []

    /// Begins anew in the same memory.
    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Seven bits a byte, the lowest first.
    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// How many bytes ``varint(_:)`` writes.
    static func length(ofVarint value: UInt64) -> Int { (max(1, 64 - value.leadingZeroBitCount) + 6) / 7 }

    /// What was encoded before.
    mutating func raw(_ encoded: [UInt8]) { bytes.append(contentsOf: encoded) }

    /// The same, of a part.
    mutating func raw(_ encoded: ArraySlice<UInt8>) { bytes.append(contentsOf: encoded) }

    /// int64, uint64, bool and enumerations; negative numbers take ten bytes.
    mutating func field(_ number: UInt64, varint value: UInt64) {
        tag(number, .varint)
        varint(value)
    }

    /// fixed64 and sfixed64.
    mutating func field(_ number: UInt64, fixed64 value: UInt64) {
        tag(number, .fixed64)
        fixed64(value)
    }

    /// double.
    mutating func field(_ number: UInt64, double value: Double) { field(number, fixed64: value.bitPattern) }

    /// string.
    mutating func field(_ number: UInt64, text: String) { field(number, bytes: Array(text.utf8)) }

    /// bytes, and messages that were encoded before.
    mutating func field(_ number: UInt64, bytes content: [UInt8]) {
        tag(number, .bytes)
        varint(UInt64(content.count))
        raw(content)
    }

    /// A message.
    mutating func field(_ number: UInt64, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        field(number, bytes: inner.bytes)
    }

    /// repeated fixed64, packed; doubles by their bits.
    mutating func field(_ number: UInt64, packed values: [UInt64]) {
        guard !values.isEmpty else { return }
        tag(number, .bytes)
        varint(UInt64(values.count * 8))
        for value in values { fixed64(value) }
    }

    /// The head of a field of `count` bytes, which the caller writes.
    mutating func head(_ number: UInt64, byteCount count: Int) {
        tag(number, .bytes)
        varint(UInt64(count))
    }

    private mutating func tag(_ number: UInt64, _ wire: Wire) { varint(number << 3 | wire.rawValue) }

    private mutating func fixed64(_ value: UInt64) {
        // The bytes of a local number.
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }
}
