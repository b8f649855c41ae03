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
}
