import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Questions to the running agent")
struct LiveQueryTests {
    private func query(_ change: (inout QuerySpec) -> Void) throws -> Query {
        var spec = QuerySpec()
        change(&spec)
        return try Query(spec, schema: MemoryArchive.schema)
    }

    private func event(_ index: Int, kind: String = "tcp_close", weight: Double = 1) -> DecodedEvent {
        let columns = MemoryArchive.schema.columns
        let values: [String: EventValue] = [
            "ts": .timestamp(1_700_000_000_000_000 + Int64(index)), "ts_sub_ns": .int(Int64(index % 1000)),
            "kind": .string(kind), "pid": .int(Int64(index % 7)), "weight": .double(weight),
            "comm": .string("a\"\\\n\u{1b}é\u{1f600}\(index % 2)"), "duration_ns": .int(Int64(index)),
        ]
        return DecodedEvent(values: columns.compactMap { column in values[column.name].map { (column, $0) } })
    }

    private func add(_ event: DecodedEvent, to live: LiveQuery) throws {
        try live.add(Array(JSONText.line(event).utf8)[...])
    }

    @Test("lines of the agent give what the same rows in an archive give")
    func groups() throws {
        let query = try query {
            $0.filter = "kind = tcp_close and duration_ns >= 10us"
            $0.groupBy = ["comm", "time(1ms)"]
            $0.aggregates = ["count", "sum(duration_ns)", "p50(duration_ns)", "max(ts)"]
        }
        let live = LiveQuery(query, schema: MemoryArchive.schema)
        var rows: [Row] = []
        for index in 0..<20_000 {
            let event = event(
                index,
                kind: index % 3 == 0 ? "process_exec" : "tcp_close",
                weight: index % 5 == 0 ? 2 : 1
            )
            rows.append(Dictionary(uniqueKeysWithValues: event.values.map { ($0.column.name, $0.value) }))
            try add(event, to: live)
            // A look in between changes nothing.
            if index % 6000 == 0 { _ = try live.table() }
        }
        let engine = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)])
        let expected = try engine.table(query)
        let found = try live.table()
        #expect(found.rows == expected.rows)
        #expect(found.intervals == expected.intervals)
        #expect(found.rows.count >= 20)
        #expect(live.events == 20_000)
        #expect(found.summary.sampledRows == expected.summary.sampledRows)
    }

    @Test("single rows are those that pass, as they came, whatever text is in them")
    func rows() throws {
        let live = LiveQuery(try query { $0.filter = "pid = 3" }, schema: MemoryArchive.schema)
        for index in 0..<50 { try add(event(index), to: live) }
        let found = live.takeEvents()
        #expect(found.map { $0["duration_ns"] } == stride(from: 3, to: 50, by: 7).map { .int(Int64($0)) })
        #expect(found[0]["comm"] == event(3)["comm"])
        #expect(found[0]["ts"] == event(3)["ts"])
        #expect(live.takeEvents().isEmpty)
    }

    @Test("what is no event is counted, and what the agent left out is said")
    func strangeLines() throws {
        let live = LiveQuery(try query { $0.aggregates = ["count"] }, schema: MemoryArchive.schema)
        let lines = [
            "", "{", "[]", "{\"kind\":}", "{\"kind\":\"tcp_close\"", "{\"kind\":\"tcp\\u00\"}", "{\"a\":{\"b\":1}}",
            "{\"kind\":\"\\ud800x\"}", "null", "{\"kind\":\"tcp_close\"}x",
        ]
        for line in lines { try live.add(Array(line.utf8)[...]) }
        #expect(live.malformed == UInt64(lines.count))
        try live.add(Array(#"{"_skipped":41}"#.utf8)[...])
        try live.add(Array(#"{"_skipped":42}"#.utf8)[...])
        #expect(live.skipped == 42)
        // A field of another type than its column's is no value; the event counts.
        try live.add(Array(#"{"kind":"tcp_close","pid":"x","weight":1.0,"unknown":7}"#.utf8)[...])
        #expect(try live.table().rows == [[.int(1)]])
    }

    @Test("the agent is asked for the kinds that can pass, and for all where all can")
    func kinds() throws {
        func kinds(_ filter: String) throws -> [String] {
            LiveQuery.kinds(of: try query { $0.filter = filter }, among: MemoryArchive.schema)
        }
        #expect(try kinds("") == [])
        #expect(try kinds("pid = 1") == [])
        #expect(try kinds("kind = tcp_close and pid = 1") == ["tcp_close"])
        #expect(try kinds("kind ~ '^tcp_'") == ["tcp_close", "tcp_connect"])
    }
}
