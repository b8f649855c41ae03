/// Words for a shell, as a person copies them from a terminal.
public enum ShellText {
    /// The word as a shell reads it back, safe for a terminal.
    ///
    /// Where there is something that a terminal obeys or hides, its bytes are written in `$'…'`, which bash, zsh and ksh know;
    /// anything else is quoted as every POSIX shell reads it.
    public static func quoted(_ word: String) -> String {
        if !word.isEmpty, word.utf8.allSatisfy(isPlain) { return word }
        // Not by characters: a quote before a combining mark is another character.
        let scalars = word.unicodeScalars
        if scalars.contains(where: TerminalText.isUnsafe) { return "$'" + word.utf8.map(escape).joined() + "'" }
        if scalars.contains("'"), !scalars.contains(where: isSpecialInDoubleQuotes) { return "\"\(word)\"" }
        var quoted = "'"
        for scalar in scalars {
            if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "'"
    }

    private static func escape(_ byte: UInt8) -> String {
        if isPlain(byte) { return String(UnicodeScalar(byte)) }
        return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    private static func isSpecialInDoubleQuotes(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", "\\", "$", "`", "!": true
        default: false
        }
    }

    /// Whether no shell takes it for anything but itself, wherever it stands.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "/._-+:@%,".utf8.contains(byte)
        }
    }
}
