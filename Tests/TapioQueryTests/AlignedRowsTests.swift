import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Rows as an aligned table")
struct AlignedRowsTests {
    private static let columns = [
        ResultColumn(name: "comm", type: .string),
        ResultColumn(name: "pid", type: .int32),
        ResultColumn(name: "duration_ns", type: .int64, unit: .nanoseconds),
        ResultColumn(name: "ts", type: .timestamp),
    ]

    private static func row(_ comm: String, _ pid: Int64) -> [EventValue] {
        [.string(comm), .int(pid), .int(1_500_000), .timestamp(1_772_366_400_000_000)]
    }

    @Test("widths come of all that was held back; numbers stand on the right")
    func aligned() {
        var rows = AlignedRows(Self.columns)
        #expect(rows.add(Self.row("sh", 7)) == "")
        #expect(rows.add([.string("postgres"), .null, .null, .null]) == "")
        #expect(
            rows.finish() == """
                comm      pid  duration_ns  ts
                sh          7        1.5ms  2026-03-01T12:00:00Z
                postgres    -            -  -

                """
        )
        #expect(rows.finish() == "")
    }

    @Test("no row, no header")
    func empty() {
        var rows = AlignedRows(Self.columns)
        #expect(rows.finish() == "")
    }

    @Test("more rows than are held back: each once, in their order, a wide one moving only its own line")
    func bound() {
        var rows = AlignedRows(Self.columns)
        var text = ""
        var whenShown: Int?
        for number in 0..<AlignedRows.mostHeld + 10 {
            text += rows.add(Self.row(number == AlignedRows.mostHeld + 5 ? "a-wider-name" : "sh", Int64(number)))
            if whenShown == nil, !text.isEmpty { whenShown = number }
        }
        text += rows.finish()
        #expect(whenShown == AlignedRows.mostHeld)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 1 + AlignedRows.mostHeld + 10)
        #expect(
            lines.dropFirst().map { Int($0.split(separator: " ")[1]) } == (0..<AlignedRows.mostHeld + 10).map { $0 }
        )
        #expect(Set(lines.map(\.count)).count == 2 + 1, "the header, the rows, and the wide one")
    }

    @Test("rows that have to be seen at once are")
    func live() {
        var rows = AlignedRows(Self.columns, holdsBack: false)
        let first = rows.add(Self.row("sh", 7)).split(separator: "\n")
        #expect(first.count == 2)
        #expect(first.last?.split(separator: " ").first == "sh")
        let second = rows.add(Self.row("bash", 8))
        #expect(second.hasSuffix("\n") && second.count == (first.last?.count ?? 0) + 1)
        #expect(rows.finish() == "")
    }

    @Test("what a monitored process chose is escaped, bounded, and does not break a line")
    func hostile() {
        var rows = AlignedRows(Self.columns)
        _ = rows.add(Self.row("\u{1b}[2J\n\(String(repeating: "x", count: 5000))", 7))
        let text = rows.finish()
        #expect(text.split(separator: "\n").count == 2)
        #expect(!text.unicodeScalars.contains("\u{1b}"))
        #expect(text.count < 3 * (QueryOutput.widestCell + 100))
    }
}
