/// Appends little-endian numbers and counted text to bytes.
struct BinaryWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }

    mutating func put(raw: [UInt8]) { bytes.append(contentsOf: raw) }

    /// Text with its length in 32 bits.
    mutating func put(text: String) {
        put(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }
}

/// Takes numbers and text from bytes that may be damaged: beyond their end everything is nil.
struct BinaryReader {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }

    mutating func take<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        let size = Number.bitWidth / 8
        guard remaining >= size else { return nil }
        var number: Number = 0
        for index in 0..<size { number |= Number(truncatingIfNeeded: bytes[offset + index]) << Number(index * 8) }
        offset += size
        return number
    }

    mutating func take(count: Int) -> [UInt8]? {
        guard count >= 0, remaining >= count else { return nil }
        defer { offset += count }
        return Array(bytes[offset..<(offset + count)])
    }

    mutating func takeText() -> String? {
        guard let count = take(UInt32.self), let raw = take(count: Int(count)) else { return nil }
        return String(decoding: raw, as: UTF8.self)
    }
}
