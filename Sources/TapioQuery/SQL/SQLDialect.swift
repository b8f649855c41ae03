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
        if SQLDialect.isPlain(name) { return name }
        return switch self {
        case .duckdb: "\"" + name.replacing("\"", with: "\"\"") + "\""
        case .clickhouse: "`" + name.replacing("\\", with: "\\\\").replacing("`", with: "\\`") + "`"
        }
    }

    /// A path as a part of a pattern that matches this path only; nil where the reader cannot be told so.
    func pattern(_ path: String) -> String? {
        switch self {
        case .duckdb:
            var pattern = ""
            for character in path {
                if "*?[".contains(character) { pattern += "[\(character)]" } else { pattern.append(character) }
            }
            return pattern
        case .clickhouse:
            // It knows no way to take these literally.
            return path.contains(where: { "*?{}".contains($0) }) ? nil : path
        }
    }

    /// Whether a name needs no quotes: a letter or `_`, then such or digits, and no word of SQL that a column is called.
    static func isPlain(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        let isWord = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return isWord && !["end", "from", "group", "order", "select", "to", "user", "where"].contains(name)
    }
}
