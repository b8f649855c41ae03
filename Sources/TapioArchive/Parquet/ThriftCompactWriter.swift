/// Writes Thrift's compact protocol: the encoding of all Parquet metadata.
///
/// Fields must be written in ascending order of their numbers, and each `beginStructure` or `beginElement` be matched by
/// `endStructure`; `finish()` closes the outermost struct.
struct ThriftCompactWriter {
    /// Wire types of fields and list elements.
    enum WireType: UInt8 {
        case boolTrue = 1
        case boolFalse = 2
        case byte = 3
        case int16 = 4
        case int32 = 5
        case int64 = 6
        case double = 7
        case binary = 8
        case list = 9
        case set = 10
        case map = 11
        case structure = 12
    }

    private(set) var bytes: [UInt8] = []
    private var lastField: Int16 = 0
    private var enclosing: [Int16] = []

    init(capacity: Int = 64) { bytes.reserveCapacity(capacity) }

    /// Starts over, keeping the memory.
    mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        enclosing.removeAll(keepingCapacity: true)
        lastField = 0
    }

    mutating func bool(_ field: Int16, _ value: Bool) { header(field, value ? .boolTrue : .boolFalse) }

    mutating func byte(_ field: Int16, _ value: Int8) {
        header(field, .byte)
        bytes.append(UInt8(bitPattern: value))
    }

    mutating func int32(_ field: Int16, _ value: Int32) {
        header(field, .int32)
        zigzag(Int64(value))
    }

    mutating func int64(_ field: Int16, _ value: Int64) {
        header(field, .int64)
        zigzag(value)
    }

    mutating func binary(_ field: Int16, _ value: [UInt8]) {
        header(field, .binary)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func string(_ field: Int16, _ value: String) {
        header(field, .binary)
        element(value)
    }

    /// Starts a list; its `count` elements follow.
    mutating func list(_ field: Int16, of type: WireType, count: Int) {
        header(field, .list)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | type.rawValue)
        } else {
            bytes.append(0xF0 | type.rawValue)
            varint(UInt64(count))
        }
    }

    mutating func element(_ value: Int32) { zigzag(Int64(value)) }

    mutating func element(_ value: String) {
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    /// Appends an element that is already encoded.
    mutating func element(encoded: [UInt8]) { bytes.append(contentsOf: encoded) }

    /// Starts a struct that is a field.
    mutating func beginStructure(_ field: Int16) {
        header(field, .structure)
        beginElement()
    }

    /// Starts a struct that is an element of a list.
    mutating func beginElement() {
        enclosing.append(lastField)
        lastField = 0
    }

    mutating func endStructure() {
        bytes.append(0)
        lastField = enclosing.removeLast()
    }

    /// Ends the outermost struct and returns everything.
    mutating func finish() -> [UInt8] {
        precondition(enclosing.isEmpty, "a struct was begun and not ended")
        bytes.append(0)
        return bytes
    }

    private mutating func header(_ field: Int16, _ type: WireType) {
        precondition(field > lastField, "fields must be written in ascending order")
        let delta = field - lastField
        if delta <= 15 {
            bytes.append(UInt8(delta) << 4 | type.rawValue)
        } else {
            bytes.append(type.rawValue)
            zigzag(Int64(field))
        }
        lastField = field
    }

    private mutating func zigzag(_ value: Int64) { varint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
