import Testing

@testable import TapioQuery

@Suite("What SQL's readers take for a text, a name, a path") struct SQLDialectTests {
    @Test("a quote before a combining mark is escaped like any other")
    func combiningMarks() {
        let (duckdb, clickhouse) = (SQLDialect.duckdb, SQLDialect.clickhouse)
        #expect(duckdb.literal("a'\u{301}b") == "'a''\u{301}b'")
        #expect(duckdb.identifier("a\"\u{301}b") == "\"a\"\"\u{301}b\"")
        #expect(clickhouse.literal("a'\u{301}\\\u{301}b") == "'a\\'\u{301}\\\\\u{301}b'")
        #expect(clickhouse.identifier("a`\u{301}b") == "`a\\`\u{301}b`")
    }

    @Test("so is a path's wildcard, and what no pattern can say is refused")
    func patterns() {
        #expect(SQLDialect.duckdb.pattern("/a*\u{301}[b") == "/a[*]\u{301}[[]b")
        #expect(SQLDialect.duckdb.pattern("/a\\\u{301}") == nil)
        #expect(SQLDialect.clickhouse.pattern("/a*\u{301}") == nil)
        #expect(SQLDialect.clickhouse.pattern("/a\\") == "/a\\")
    }

    @Test(
        "a name in a comment does not end it, however it breaks the line",
        arguments: [
            "\n", "\r", "\r\n", "\n\u{301}", "\r\n\u{301}", "\u{B}", "\u{C}", "\u{85}", "\u{2028}", "\u{2029}",
        ]
    )
    func comments(lineBreak: String) {
        let statement = SQLStatement(
            name: "tapio_x",
            sort: .view,
            summary: "The table x\(lineBreak)DROP TABLE tapio_rows; -- \(lineBreak)\(lineBreak)DROP TABLE y;",
            needs: [],
            text: "SELECT 1;"
        )
        let breaks = Set("\n\r\u{B}\u{C}\u{85}\u{2028}\u{2029}".unicodeScalars)
        let lines = statement.commented.unicodeScalars.split { breaks.contains($0) }.map { String($0) }
        #expect(lines.last == "SELECT 1;")
        #expect(lines.count >= 4)
        for line in lines.dropLast() { #expect(line.utf8.starts(with: "-- ".utf8), "\(line.debugDescription)") }
    }
}
