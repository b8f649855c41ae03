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
    func literal(_ text: String) -> String {
        switch self {
        case .duckdb: "'" + text.replacing("'", with: "''") + "'"
        case .clickhouse: "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
        }
    }

    /// A name as an identifier, whatever it holds.
    func identifier(_ name: String) -> String {
        if SQLDialect.isWord(name) && !SQLDialect.reserved.contains(name) { return name }
        return switch self {
        case .duckdb: "\"" + name.replacing("\"", with: "\"\"") + "\""
        case .clickhouse: "`" + name.replacing("\\", with: "\\\\").replacing("`", with: "\\`") + "`"
        }
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
        guard !path.contains(where: { unspeakable.contains($0) }) else { return nil }
        if self == .clickhouse { return path }
        var pattern = ""
        for character in path {
            if "*?[".contains(character) { pattern += "[\(character)]" } else { pattern.append(character) }
        }
        return pattern
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
