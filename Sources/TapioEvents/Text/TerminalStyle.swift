import Glibc

/// A run of text in one colour.
public enum TerminalStyle: String, Sendable {
    case plain = ""
    case faint = "2"
    case bold = "1"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"
    case magenta = "35"
    case cyan = "36"

    /// `text` in this style. It is escaped already.
    public func paint(_ text: String) -> String {
        self == .plain || text.isEmpty ? text : "\u{1b}[\(rawValue)m\(text)\u{1b}[0m"
    }

    /// Whether to use colours on a descriptor: it is a terminal, `NO_COLOR` is unset or empty, and `TERM` is not `dumb`.
    public static func isWanted(descriptor: Int32) -> Bool {
        guard isatty(descriptor) == 1 else { return false }
        if let noColour = unsafe getenv("NO_COLOR"), unsafe noColour.pointee != 0 { return false }
        if let terminal = unsafe getenv("TERM"), unsafe strcmp(terminal, "dumb") == 0 { return false }
        return true
    }
}
