/// Text as one YAML scalar on one line.
enum QuotedText {
    /// The text itself where YAML reads it back as that text, otherwise in double quotes.
    static func text(_ value: String) -> String {
        isPlain(value) ? value : quoted(value)
    }

    /// Words that a reader of YAML might take for something else than text.
    private static let reserved: Set<String> = [
        "true", "false", "yes", "no", "on", "off", "null", "auto", "y", "n",
    ]

    private static func isPlain(_ value: String) -> Bool {
        guard let first = value.utf8.first, isLetterOrDigit(first) || first == UInt8(ascii: "/") else { return false }
        guard !reserved.contains(value.lowercased()) else { return false }
        return value.utf8.allSatisfy { isLetterOrDigit($0) || "/._-@+".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// In double quotes; control characters as escapes, so that no value can break a line or a terminal.
    static func quoted(_ value: String) -> String {
        var out = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where isInvisible(scalar):
                let hex = String(scalar.value, radix: 16)
                out += (scalar.value > 0xFFFF ? "\\U" : "\\u")
                out += String(repeating: "0", count: (scalar.value > 0xFFFF ? 8 : 4) - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: true
        default: false
        }
    }
}
