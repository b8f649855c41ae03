/// The readers that ``SQLViews`` writes statements for.
public enum SQLDialect: String, Sendable, Hashable, CaseIterable {
    case duckdb
    /// ClickHouse's server, `clickhouse local` and chdb alike.
    case clickhouse

    /// As its makers call it.
    public var title: String {
        switch self {
        case .duckdb: "DuckDB"
        case .clickhouse: "ClickHouse"
        }
    }

    /// A text as a literal, whatever it holds.
    public func literal(_ text: String) -> String {
        switch self {
        case .duckdb: "'" + SQLDialect.escape(text, ["'"], with: "'") + "'"
        case .clickhouse: "'" + SQLDialect.escape(text, ["\\", "'"], with: "\\") + "'"
        }
    }

    /// A name as an identifier, whatever it holds.
    func identifier(_ name: String) -> String {
        if SQLDialect.isWord(name) && !SQLDialect.reserved.contains(name) { return name }
        return switch self {
        case .duckdb: "\"" + SQLDialect.escape(name, ["\""], with: "\"") + "\""
        case .clickhouse: "`" + SQLDialect.escape(name, ["\\", "`"], with: "\\") + "`"
        }
    }

    /// The text with a mark before each scalar of some. Not by characters: a quote before a combining mark is another
    /// character, and ends a literal all the same.
    private static func escape(_ text: String, _ special: [Unicode.Scalar], with mark: Unicode.Scalar) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if special.contains(scalar) { escaped.append(mark) }
            escaped.append(scalar)
        }
        return String(escaped)
    }

    /// What a path must not hold, since the reader's patterns have no way to say it: DuckDB takes `\` for a separator, and
    /// ClickHouse takes the others for wildcards, whatever stands before them.
    var unspeakable: String {
        switch self {
        case .duckdb: "\\"
        case .clickhouse: "*?{}"
        }
    }

    /// A path as a part of a pattern that matches this path only; nil where it holds what is ``unspeakable``.
    func pattern(_ path: String) -> String? {
        let refused = Array(unspeakable.unicodeScalars)
        guard !path.unicodeScalars.contains(where: { refused.contains($0) }) else { return nil }
        if self == .clickhouse { return path }
        var pattern = String.UnicodeScalarView()
        for scalar in path.unicodeScalars {
            switch scalar {
            case "*", "?", "[": pattern.append(contentsOf: ["[", scalar, "]"])
            default: pattern.append(scalar)
            }
        }
        return String(pattern)
    }

    /// Words that a column may be called, and that are SQL's.
    private static let reserved: Set = ["end", "from", "group", "order", "select", "to", "user", "where"]

    /// Whether a name is one that agents give: letters, digits and `_`, no digit first.
    static func isWord(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
