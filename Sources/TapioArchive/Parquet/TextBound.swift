/// Cuts the bounds of a string column to a size that metadata can afford, so that they still enclose every value.
enum TextBound {
    /// Longest bound, in bytes (a cut maximum may be one longer: its last character can grow).
    static let limit = 64

    /// A value at or below `text`: itself, or its longest prefix of whole characters within the limit.
    static func minimum(_ text: [UInt8]) -> (bound: [UInt8], isExact: Bool) {
        text.count <= limit ? (text, true) : (Array(prefix(text)), false)
    }

    /// A value at or above `text`: itself, or a prefix whose last character is one higher; nil when there is none.
    static func maximum(_ text: [UInt8]) -> (bound: [UInt8], isExact: Bool)? {
        guard text.count > limit else { return (text, true) }
        var scalars = Array(String(decoding: prefix(text), as: UTF8.self).unicodeScalars)
        while let last = scalars.popLast() {
            let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
            guard let higher = Unicode.Scalar(next) else { continue }
            scalars.append(higher)
            var bound = String.UnicodeScalarView()
            bound.append(contentsOf: scalars)
            return (Array(String(bound).utf8), false)
        }
        return nil
    }

    /// The front of `text` (valid UTF-8) that ends before the character that crosses the limit.
    private static func prefix(_ text: [UInt8]) -> ArraySlice<UInt8> {
        var end = limit
        while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        return text[..<end]
    }
}
