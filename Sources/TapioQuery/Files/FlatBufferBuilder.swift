/// Builds a FlatBuffer, the form of Arrow's metadata: tables whose fields are found through a table of offsets.
///
/// A FlatBuffer is built from its end, so that all that an offset points to is there before it: bytes are kept last one
/// first, and a place is its distance from the end.
struct FlatBufferBuilder {
    /// The bytes, last one first.
    private var reversed: [UInt8] = []
    private var strictest = 1

    /// A place in the buffer: bytes from its end.
    struct Place: Sendable, Hashable {
        var fromEnd: Int
    }

    /// A field of a table.
    enum Field {
        case byte(Int, UInt8)
        case int16(Int, Int16)
        case int32(Int, Int32)
        case int64(Int, Int64)
        case place(Int, Place)
    }

    private mutating func align(_ size: Int, before bytes: Int = 0) {
        strictest = max(strictest, size)
        while (reversed.count + bytes) % size != 0 { reversed.append(0) }
    }

    private mutating func put(_ number: some FixedWidthInteger) {
        // The highest byte stands last.
        for byte in stride(from: number.bitWidth - 8, through: 0, by: -8) {
            reversed.append(UInt8(truncatingIfNeeded: number >> byte))
        }
    }

    private mutating func putOffset(_ place: Place) {
        align(4)
        put(UInt32(reversed.count + 4 - place.fromEnd))
    }

    private var here: Place { Place(fromEnd: reversed.count) }

    /// Text with its length before it and a zero behind it.
    mutating func string(_ text: String) -> Place {
        let bytes = Array(text.utf8)
        align(4, before: bytes.count + 1)
        reversed.append(0)
        reversed += bytes.reversed()
        put(UInt32(bytes.count))
        return here
    }

    /// A vector of tables or strings.
    mutating func vector(_ places: [Place]) -> Place {
        align(4, before: 4 * places.count)
        for place in places.reversed() { putOffset(place) }
        put(UInt32(places.count))
        return here
    }

    /// A vector of structs of 64-bit numbers: `width` of them each.
    mutating func vector(_ numbers: [Int64], width: Int) -> Place {
        align(4, before: 8 * numbers.count)
        align(8, before: 8 * numbers.count)
        for number in numbers.reversed() { put(number) }
        put(UInt32(numbers.count / width))
        return here
    }

    /// A table. Fields in the order of their numbers' size keep it small, but any order is right.
    mutating func table(_ fields: [Field]) -> Place {
        let start = reversed.count
        var slots: [Int: Int] = [:]
        for field in fields {
            switch field {
            case .byte(let id, let value):
                reversed.append(value)
                slots[id] = reversed.count
            case .int16(let id, let value):
                align(2)
                put(value)
                slots[id] = reversed.count
            case .int32(let id, let value):
                align(4)
                put(value)
                slots[id] = reversed.count
            case .int64(let id, let value):
                align(8)
                put(value)
                slots[id] = reversed.count
            case .place(let id, let place):
                putOffset(place)
                slots[id] = reversed.count
            }
        }
        align(4)
        put(Int32(0))
        let table = reversed.count
        let count = (slots.keys.max() ?? -1) + 1
        for id in (0..<count).reversed() { put(UInt16(slots[id].map { table - $0 } ?? 0)) }
        put(UInt16(table - start))
        put(UInt16(4 + 2 * count))
        // The table begins with the way back to its offsets.
        let back = UInt32(reversed.count - table)
        for byte in 0..<4 { reversed[table - 1 - byte] = UInt8(truncatingIfNeeded: back >> UInt32(8 * byte)) }
        return Place(fromEnd: table)
    }

    /// The buffer, with that table as its root.
    mutating func finish(_ root: Place) -> [UInt8] {
        align(strictest, before: 4)
        putOffset(root)
        return reversed.reversed()
    }
}
