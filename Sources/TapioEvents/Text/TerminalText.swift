/// Makes text from monitored processes safe for a terminal: what it shows is what there is.
///
/// A process chooses its own name, arguments and paths. Without this it could move the cursor, hide what stands before
/// it, or show letters in another order. Escapes are for people; a literal `\x1b` looks the same as an escaped one (JSON
/// is exact).
public enum TerminalText {
    /// Columns that one value takes at most, where nobody says otherwise.
    public static let defaultLimit = 4096

    /// `text` without anything that a terminal obeys or hides, at most `limit` columns wide.
    ///
    /// Control characters (C0, DEL, C1), bidi controls, zero-width, unassigned and private characters become `\n`,
    /// `\x1b` or `\u{202e}`; what was cut is shown as `…`.
    public static func escape(_ text: String, limit: Int = defaultLimit) -> String {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
        if isPlain && text.utf8.count <= limit { return text }
        var writer = Writer(limit: limit)
        for scalar in text.unicodeScalars where !writer.append(scalar) { break }
        return writer.finish()
    }

    /// The same for bytes that may not be UTF-8: each byte of an invalid sequence becomes `\xff`.
    public static func escape(bytes: some Collection<UInt8>, limit: Int = defaultLimit) -> String {
        var writer = Writer(limit: limit)
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var position = bytes.startIndex
        loop: while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let encoded):
                position = bytes.index(position, offsetBy: encoded.count)
                if !writer.append(Unicode.UTF8.decode(encoded)) { break loop }
            case .error(let length):
                for _ in 0..<length {
                    let byte = bytes[position]
                    position = bytes.index(after: position)
                    if !writer.append(escapeOf: "\\x" + hex(UInt32(byte), digits: 2)) { break loop }
                }
            case .emptyInput: break loop
            }
        }
        return writer.finish()
    }

    /// Whether a terminal may obey, hide or reorder by it.
    public static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value < 0x20 }
        if scalar.value < 0xa0 { return true }
        if scalar.properties.isDefaultIgnorableCodePoint { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }

    /// Columns that a terminal needs for `text`, which is escaped already.
    public static func width(of text: String) -> Int {
        var width = 0
        for scalar in text.unicodeScalars { width += self.width(of: scalar) }
        return width
    }

    /// Columns of one character: 0 for combining marks, 2 for East Asian wide ones and emoji, else 1.
    public static func width(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        if isMark(scalar) { return 0 }
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff,
            0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff,
            0x1f900...0x1faff, 0x20000...0x3fffd:
            return 2
        default: return 1
        }
    }

    /// `text`, which is escaped already, cut at `limit` columns with `…` as the last.
    public static func cut(_ text: String, to limit: Int) -> String {
        if text.utf8.count <= limit || width(of: text) <= limit { return text }
        if limit < 1 { return "" }
        var kept = String.UnicodeScalarView()
        var width = 0
        for scalar in text.unicodeScalars {
            width += self.width(of: scalar)
            if width > limit - 1 { break }
            kept.append(scalar)
        }
        return String(kept) + "…"
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: true
        default: false
        }
    }

    private static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// Collects safe text up to a width.
    private struct Writer {
        let limit: Int
        private var text = ""
        private var width = 0
        private var marksInARow = 0
        private var isCut = false

        init(limit: Int) { self.limit = limit }

        /// False once the limit is reached.
        mutating func append(_ scalar: Unicode.Scalar) -> Bool {
            // A heap of marks on one letter grows over the lines above and below.
            let isMark = scalar.value >= 0x300 && TerminalText.isMark(scalar)
            marksInARow = isMark ? marksInARow + 1 : 0
            if TerminalText.isUnsafe(scalar) || marksInARow > 2 || (isMark && text.isEmpty) {
                return append(escapeOf: Writer.escape(scalar))
            }
            let columns = TerminalText.width(of: scalar)
            guard width + columns <= limit else {
                isCut = true
                return false
            }
            text.unicodeScalars.append(scalar)
            width += columns
            return true
        }

        mutating func append(escapeOf escape: String) -> Bool {
            guard width + escape.utf8.count <= limit else {
                isCut = true
                return false
            }
            text += escape
            width += escape.utf8.count
            return true
        }

        func finish() -> String {
            if !isCut { return text }
            if width < limit { return text + "…" }
            return TerminalText.cut(text + "…", to: limit)
        }

        private static func escape(_ scalar: Unicode.Scalar) -> String {
            switch scalar {
            case "\n": "\\n"
            case "\t": "\\t"
            case "\r": "\\r"
            case _ where scalar.value < 0x80: "\\x" + TerminalText.hex(scalar.value, digits: 2)
            default: "\\u{" + TerminalText.hex(scalar.value, digits: 2) + "}"
            }
        }
    }
}
