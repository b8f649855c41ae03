import TapioEvents

/// Reads a line of JSON as the agent writes events: one flat object of strings and numbers. Whatever else comes is refused; the
/// socket's other end is trusted no more than a file.
struct LiveLine {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// A name's value as it stands in the line.
    enum Value: Equatable {
        case null
        case number(ArraySlice<UInt8>)
        case text([UInt8])
    }

    private init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Hands over each name with its value; false where the line is not such an object.
    static func read(_ line: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>, Value) -> Void) -> Bool {
        var line = LiveLine(line)
        return line.object(body)
    }

    private mutating func object(_ body: (ArraySlice<UInt8>, Value) -> Void) -> Bool {
        guard take("{") else { return false }
        if take("}") { return isAtEnd }
        while true {
            guard let name = plainString(), take(":"), let value = value() else { return false }
            body(name, value)
            if take(",") { continue }
            return take("}") && isAtEnd
        }
    }

    private var isAtEnd: Bool { position == bytes.endIndex }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.endIndex, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// A string without escapes: what fields are named.
    private mutating func plainString() -> ArraySlice<UInt8>? {
        guard take("\"") else { return nil }
        let start = position
        while position < bytes.endIndex, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\") { return nil }
            position += 1
        }
        let name = bytes[start..<position]
        return take("\"") ? name : nil
    }

    private mutating func value() -> Value? {
        guard position < bytes.endIndex else { return nil }
        if bytes[position] == UInt8(ascii: "\"") { return string().map { .text($0) } }
        if bytes[position...].starts(with: "null".utf8) {
            position += 4
            return .null
        }
        let start = position
        while position < bytes.endIndex, Self.isOfNumber(bytes[position]) { position += 1 }
        return position > start ? .number(bytes[start..<position]) : nil
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func string() -> [UInt8]? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while position < bytes.endIndex {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return text }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard position < bytes.endIndex else { return nil }
            let escape = bytes[position]
            position += 1
            switch escape {
            case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): text.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            case UInt8(ascii: "u"):
                guard let scalar = unicode() else { return nil }
                text += String(scalar).utf8
            default: return nil
            }
        }
        return nil
    }

    private mutating func unicode() -> Unicode.Scalar? {
        guard let first = unit() else { return nil }
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) ?? "\u{fffd}" }
        guard take("\\"), take("u"), let second = unit(), (0xDC00..<0xE000).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }

    private mutating func unit() -> UInt32? {
        guard bytes.endIndex - position >= 4 else { return nil }
        let text = String(decoding: bytes[position..<position + 4], as: UTF8.self)
        position += 4
        return UInt32(text, radix: 16)
    }
}
