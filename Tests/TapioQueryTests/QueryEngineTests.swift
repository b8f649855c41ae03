import TapioEvents
import Testing

@testable import TapioQuery

/// Random rows and filters, and a second evaluation that is as simple as can be: row by row, value by value.
private struct RandomArchive {
    var rows: [Row] = []
    var segments: [SegmentSource] = []

    static let pods = ["api-1", "api-2", "web-é", "", "日本", "zz\u{1b}[0m"]

    /// The same rows, arranged at random; with and without what allows to skip and share.
    init(rows count: Int, isSampled: Bool, hasHints: Bool = true) {
        var pending: [MemoryGroup] = []
        var ofSegment: [Row] = []
        for start in stride(from: 0, to: count, by: 100) {
            let base = Int64(start) * 1000
            let group = (0..<min(100, count - start)).map { Self.row(base, isSampled, Int64(start + $0)) }
            rows += group
            ofSegment += group
            pending.append(
                MemoryArchive.group(
                    group,
                    columns: MemoryArchive.schema.columns.filter { start % 300 != 0 || $0.name != "ratio" }.shuffled(),
                    hasBounds: hasHints,
                    hasDictionary: hasHints ? Bool.random() : false
                )
            )
            if start % 300 == 0 {
                for index in rows.indices.suffix(group.count) { rows[index]["ratio"] = nil }
            }
            if pending.count == 3 || start + 100 >= count {
                segments.append(MemoryArchive.segment(pending, rows: ofSegment, hasFacts: hasHints))
                pending = []
                ofSegment = []
            }
        }
    }

    private static func row(_ base: Int64, _ isSampled: Bool, _ sequence: Int64) -> Row {
        func maybe(_ value: EventValue) -> EventValue? { Int.random(in: 0..<4) == 0 ? nil : value }
        // A group has some kinds only, so that there is something to skip.
        let kinds = base % 200_000 == 0 ? ["tcp_close", "tcp_connect"] : ["process_exec", "process_exit", "tcp_close"]
        var row: Row = [
            "ts": .timestamp(1_700_000_000_000_000 + base + Int64.random(in: 0...250_000)),
            "ts_sub_ns": .int(.random(in: 0...999)), "kind": .string(kinds.randomElement()!),
            "cpu": .int(.random(in: 0...3)),
            "seq": .int(sequence), "pid": .int(.random(in: 1...20)),
            "weight": .double(isSampled ? [1, 2, 2.5, 10].randomElement()! : 1),
            "comm": .string(["sh", "ls"].randomElement()!),
        ]
        row["pod"] = maybe(.string(pods.randomElement()!))
        row["duration_ns"] = maybe(.int(.random(in: -5...200_000_000)))
        row["ratio"] = maybe(.double([0, -1.5, 2.25, .infinity, .nan].randomElement()!))
        return row
    }

    /// A filter as text, and what it says of a row: nil where a field is null.
    indirect enum Node {
        case test(String, (Row) -> Bool?)
        case not(Node)
        case and(Node, Node)
        case or(Node, Node)

        var text: String {
            switch self {
            case .test(let text, _): text
            case .not(let inner): "not (\(inner.text))"
            case .and(let left, let right): "(\(left.text) and \(right.text))"
            case .or(let left, let right): "(\(left.text) or \(right.text))"
            }
        }

        func passes(_ row: Row) -> Bool? {
            switch self {
            case .test(_, let test): return test(row)
            case .not(let inner): return inner.passes(row).map { !$0 }
            case .and(let left, let right):
                let (left, right) = (left.passes(row), right.passes(row))
                if left == false || right == false { return false }
                return left == nil || right == nil ? nil : true
            case .or(let left, let right):
                let (left, right) = (left.passes(row), right.passes(row))
                if left == true || right == true { return true }
                return left == nil || right == nil ? nil : false
            }
        }

        static func random(_ depth: Int = 3) -> Node {
            switch depth == 0 ? 0 : Int.random(in: 0...6) {
            case 1: .not(random(depth - 1))
            case 2, 3: .and(random(depth - 1), random(depth - 1))
            case 4, 5: .or(random(depth - 1), random(depth - 1))
            default: leaf()
            }
        }

        private static func leaf() -> Node {
            let symbol = ["=", "!=", "<", "<=", ">", ">="].randomElement()!
            func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
                switch symbol {
                case "=": left == right
                case "!=": left != right
                case "<": left < right
                case "<=": left <= right
                case ">": left > right
                default: left >= right
                }
            }
            func integer(_ name: String, _ row: Row) -> Int64? {
                switch row[name] {
                case .int(let value)?, .timestamp(let value)?: value
                default: nil
                }
            }
            func text(_ name: String, _ row: Row) -> String? {
                if case .string(let value)? = row[name] { value } else { nil }
            }
            switch Int.random(in: 0...8) {
            case 0:
                let pid = Int64.random(in: 0...21)
                return .test("pid \(symbol) \(pid)") { integer("pid", $0).map { compare($0, pid) } }
            case 1:
                let half = Double(Int64.random(in: -10...400)) / 2
                return .test("duration_ns \(symbol) \(half)ms") {
                    integer("duration_ns", $0).map { compare(Double($0), half * 1e6) }
                }
            case 2:
                let pod = RandomArchive.pods.randomElement()!
                return .test("pod\(symbol)\"\(pod)\"") { text("pod", $0).map { compareBytes($0, pod, symbol) } }
            case 3:
                let isNegated = Bool.random()
                return .test("pod \(isNegated ? "!~" : "~") 'api-[1é]|^$'") { row in
                    text("pod", row).map { ($0 == "" || $0.contains("api-1")) != isNegated }
                }
            case 4:
                let isNegated = Bool.random()
                let name = ["pod", "ratio", "duration_ns", "pid"].randomElement()!
                return .test("\(name) is \(isNegated ? "not " : "")null") { ($0[name] == nil) != isNegated }
            case 5:
                let isNegated = Bool.random()
                return .test("kind \(isNegated ? "not in" : "in") (tcp_close, process_exec)") { row in
                    text("kind", row).map { ["tcp_close", "process_exec"].contains($0) != isNegated }
                }
            case 6:
                return .test("pid in (1, 2, 300)") { integer("pid", $0).map { [1, 2, 300].contains($0) } }
            case 7:
                let bound = 1_700_000_000_000_000 + Int64.random(in: 0...1_000_000)
                return .test("ts \(symbol) \(HumanTime.rfc3339(microseconds: bound))") {
                    integer("ts", $0).map { compare($0, bound) }
                }
            default:
                return .test("ratio \(symbol) 2.25") { row in
                    if case .double(let value)? = row["ratio"] { compare(value, 2.25) } else { nil }
                }
            }
        }

        private static func compareBytes(_ left: String, _ right: String, _ symbol: String) -> Bool {
            let (left, right) = (Array(left.utf8), Array(right.utf8))
            let isLess = left.lexicographicallyPrecedes(right)
            switch symbol {
            case "=": return left == right
            case "!=": return left != right
            case "<": return isLess
            case "<=": return isLess || left == right
            case ">": return !isLess && left != right
            default: return !isLess
            }
        }
    }
}

@Suite("The engine")
struct QueryEngineTests {
    private func query(
        _ filter: String = "",
        group: [String] = [],
        of aggregates: [String] = [],
        select: [String] = [],
        since: Int64? = nil,
        until: Int64? = nil,
        order: String? = nil,
        limit: Int? = nil
    ) throws -> Query {
        var spec = QuerySpec()
        spec.filter = filter
        spec.groupBy = group
        spec.aggregates = aggregates
        spec.select = select
        spec.sinceNs = since
        spec.untilNs = until
        spec.order = order
        spec.limit = limit
        return try Query(spec, schema: MemoryArchive.schema)
    }

    @Test("finds the rows that a row-by-row evaluation finds, whatever is skipped on the way, in the order of time")
    func filters() throws {
        for round in 0..<16 {
            let archive = RandomArchive(rows: 750, isSampled: false, hasHints: round % 4 != 0)
            let engine = QueryEngine(segments: archive.segments)
            for _ in 0..<20 {
                let node = RandomArchive.Node.random()
                let query = try query(node.text, select: ["seq", "ts"])
                var found: [Int64] = []
                var times: [Int64] = []
                let summary = try engine.forEachRow(query) { row in
                    if case (.int(let sequence), .timestamp(let us)) = (row["seq"], row["ts"]) {
                        found.append(sequence)
                        times.append(us)
                    }
                    return true
                }
                let expected = archive.rows.filter { node.passes($0) == true }
                    .compactMap { row in if case .int(let sequence)? = row["seq"] { sequence } else { nil } }
                #expect(found.sorted() == expected.sorted(), "\(node.text)")
                #expect(times == times.sorted(), "\(node.text)")
                #expect(summary.rowsMatched == expected.count)
            }
        }
    }

    @Test("skips segments and row groups that cannot match")
    func pruning() throws {
        let archive = RandomArchive(rows: 900, isSampled: false)
        let engine = QueryEngine(segments: archive.segments)
        let table = try engine.table(
            try query("kind=process_exec and ts < 2023-11-14T22:13:20.200Z", of: ["count"])
        )
        #expect(table.summary.segmentsSkipped == 2)
        #expect(table.summary.rowGroupsSkipped >= 1)
        let expected = archive.rows.count { row in
            guard case .timestamp(let us)? = row["ts"] else { return false }
            return row["kind"] == .string("process_exec") && us < 1_700_000_000_200_000
        }
        #expect(table.rows == [[.int(Int64(expected))]])
    }

    @Test("groups and aggregates agree with a plain computation", arguments: [false, true])
    func aggregates(isSampled: Bool) throws {
        let archive = RandomArchive(rows: 1500, isSampled: isSampled)
        let engine = QueryEngine(segments: archive.segments)
        let query = try query(
            "pid < 15",
            group: ["kind", "pod", "time(500ms)"],
            of: [
                "count", "count(duration_ns)", "sum(duration_ns)", "avg(duration_ns)", "min(duration_ns)",
                "max(duration_ns)", "p50(duration_ns)", "p99(duration_ns)", "distinct(pid)", "distinct(pod)", "max(ts)",
            ]
        )
        let table = try engine.table(query)
        var groups: [[EventValue]: [Row]] = [:]
        for row in archive.rows {
            guard case .int(let pid)? = row["pid"], pid < 15, case .timestamp(let us)? = row["ts"] else { continue }
            groups[[row["kind"]!, row["pod"] ?? .null, .timestamp(us - us % 500_000)], default: []].append(row)
        }
        #expect(table.rows.count == groups.count)
        #expect(isSampled == (table.summary.sampledRows > 0))
        for row in table.rows {
            let rows = try #require(groups[Array(row[0..<3])])
            func weight(_ row: Row) -> Double { if case .double(let weight)? = row["weight"] { weight } else { 0 } }
            let values = rows.compactMap { row -> (value: Int64, weight: Double)? in
                if case .int(let value)? = row["duration_ns"] { (value, weight(row)) } else { nil }
            }
            let total = values.reduce(0) { $0 + $1.weight }
            let sum = values.reduce(0) { $0 + Double($1.value) * $1.weight }
            #expect(row[3] == .int(Int64(rows.reduce(0) { $0 + weight($1) }.rounded())))
            #expect(row[4] == .int(Int64(total.rounded())))
            if values.isEmpty {
                #expect(row[5...10].allSatisfy { $0 == .null })
            } else {
                if case .int(let found) = row[5] {
                    #expect(abs(Double(found) - sum) <= max(1, abs(sum) * 1e-9))
                } else {
                    Issue.record("no sum")
                }
                if case .double(let found) = row[6] {
                    #expect(abs(found - sum / total) <= max(1e-3, abs(found) * 1e-9))
                } else {
                    Issue.record("no average")
                }
                #expect(row[7] == .int(values.map(\.value).min()!))
                #expect(row[8] == .int(values.map(\.value).max()!))
                for (place, fraction) in [(9, 0.5), (10, 0.99)] {
                    var below = 0.0
                    let exact = values.sorted { $0.value < $1.value }
                        .first {
                            below += $0.weight
                            return below >= fraction * total - total * 1e-12
                        }
                    #expect(row[place] == .int(exact!.value))
                }
            }
            #expect(row[11] == .int(Int64(Set(rows.map { $0["pid"]! }).count)))
            #expect(row[12] == .int(Int64(Set(rows.compactMap { $0["pod"] }).count)))
            #expect(row[13] == rows.map { $0["ts"]! }.max { EventValueOrder.compare($0, $1) < 0 })
        }
    }

    @Test("sums of unsampled integers are exact where a double is not")
    func exactSums() throws {
        let big: Int64 = 1 << 60
        let rows: [Row] = (0..<3).map {
            ["kind": .string("tcp_close"), "ts": .timestamp($0), "weight": .double(1), "duration_ns": .int(big + $0)]
        }
        let engine = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)])
        let table = try engine.table(try query(of: ["sum(duration_ns)"]))
        #expect(table.rows == [[.int(3 * big + 3)]])
    }

    @Test("percentiles of very many samples are within 0.2 %")
    func approximatePercentiles() throws {
        let values = (0..<20_000).map { _ in Int64.random(in: -1000...50_000_000) }
        let rows: [Row] = values.map {
            ["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(1), "duration_ns": .int($0)]
        }
        var limits = QueryLimits()
        limits.exactSamples = 1000
        let engine = QueryEngine(
            segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)],
            limits: limits
        )
        let table = try engine.table(
            try query(of: ["p1(duration_ns)", "p50(duration_ns)", "p99(duration_ns)"])
        )
        #expect(table.isApproximate)
        let sorted = values.sorted()
        for (place, rank) in [(0, 199), (1, 9999), (2, 19799)] {
            guard case .int(let found) = table.rows[0][place] else { continue }
            #expect(
                abs(Double(found - sorted[rank])) <= abs(Double(sorted[rank])) * 0.002 + 1,
                "\(found) \(sorted[rank])"
            )
        }
    }

    @Test("small integers have exact percentiles even in a histogram")
    func smallPercentiles() throws {
        let rows: [Row] = (0..<1000).map {
            ["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(1), "pid": .int(Int64($0 % 100))]
        }
        var limits = QueryLimits()
        limits.exactSamples = 10
        let engine = QueryEngine(
            segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)],
            limits: limits
        )
        let table = try engine.table(try query(of: ["p50(pid)", "p99(pid)", "p100(pid)", "p0(pid)"]))
        #expect(table.rows == [[.int(49), .int(98), .int(99), .int(0)]])
    }

    @Test("limits end a query with an error that names them")
    func limits() throws {
        let archive = RandomArchive(rows: 500, isSampled: false)
        var limits = QueryLimits()
        limits.groups = 10
        #expect(throws: QueryError.self) {
            try QueryEngine(segments: archive.segments, limits: limits).table(try query(group: ["seq"]))
        }
        limits = QueryLimits()
        limits.answerRows = 10
        #expect(throws: QueryError.self) {
            try QueryEngine(segments: archive.segments, limits: limits).table(try query(group: ["seq"]))
        }
        let first = try QueryEngine(segments: archive.segments, limits: limits).table(
            try query(group: ["seq"], limit: 10)
        )
        #expect(first.rows.count == 10)
        limits = QueryLimits()
        limits.cells = 100
        #expect(throws: QueryError.self) {
            try QueryEngine(segments: archive.segments, limits: limits).table(
                try query(of: ["distinct(seq)"])
            )
        }
        limits = QueryLimits()
        limits.openRowGroups = 1
        #expect(throws: QueryError.self) {
            try QueryEngine(segments: archive.segments, limits: limits).forEachRow(try query()) { _ in true }
        }
    }

    @Test("the greatest come first, and a limit says what it hides")
    func top() throws {
        let archive = RandomArchive(rows: 500, isSampled: false)
        let table = try QueryEngine(segments: archive.segments).table(
            try query(group: ["pid"], limit: 3)
        )
        #expect(table.rows.count == 3)
        #expect(table.totalRows == 20)
        #expect(table.notes.contains("17 more rows are not shown (limit)"))
        let counts = table.rows.map { row -> Int64 in if case .int(let count) = row[1] { count } else { 0 } }
        #expect(counts == counts.sorted(by: >))
    }

    @Test("the count of nothing is 0, and groups of nothing are none")
    func nothing() throws {
        let engine = QueryEngine(segments: [])
        #expect(
            try engine.table(try query(of: ["count", "sum(pid)", "p50(pid)"])).rows == [
                [.int(0), .null, .null]
            ]
        )
        #expect(try engine.table(try query(group: ["kind"])).rows.isEmpty)
    }

    @Test("damage is skipped, named and counted; nothing of a damaged group is in the answer")
    func damage() throws {
        let rows: [Row] = (0..<10).map { ["kind": .string("tcp_close"), "ts": .timestamp($0), "weight": .double(1)] }
        let good = MemoryArchive.group(rows)
        var bad = MemoryArchive.group(rows, name: "x.parquet row group 1")
        bad.isDamaged = true
        let closed = SegmentSource(name: "y\u{1b}.parquet", byteCount: 100, rowsByKind: ["tcp_close": 7]) { _ in
            throw MemoryGroup.Broken()
        }
        let segment = MemoryArchive.segment(
            [good, bad, good],
            rows: rows + rows + rows,
            damage: [Damage(place: "x", reason: "lost frame")]
        )
        let table = try QueryEngine(segments: [segment, closed]).table(
            try query("comm is null", of: ["count"])
        )
        #expect(table.rows == [[.int(20)]])
        #expect(table.summary.exitCode == 3)
        #expect(table.summary.damageCount == 3)
        #expect(
            table.notes == [
                "incomplete: 3 damaged parts were skipped, at least 17 rows", "  x: lost frame",
                "  x.parquet row group 1, 10 rows: checksum does not match",
                "  y\\x1b.parquet, 7 rows: checksum does not match",
            ]
        )
        var count = 0
        let summary = try QueryEngine(segments: [segment, closed]).forEachRow(try query()) { _ in
            count += 1
            return true
        }
        #expect(count == 20)
        #expect(summary.exitCode == 3)
    }

    @Test("of what is damaged, what costs no row is told apart")
    func harmlessDamage() throws {
        let segment = MemoryArchive.segment(
            [],
            rows: [],
            damage: [Damage(place: "x", reason: "no footer", rows: 0), Damage(place: "y", reason: "cut", rows: 1)]
        )
        let table = try QueryEngine(segments: [segment]).table(try query(of: ["count"]))
        #expect(table.summary.exitCode == 3)
        #expect(
            table.notes == [
                "incomplete: 1 damaged part was skipped, at least 1 row", "  y, 1 row: cut",
                "damaged: 1 segment, of which no row is missing", "  x: no footer",
            ]
        )
    }

    @Test("summaries are told of where a column is computed with that they do not have")
    func summaryNotes() throws {
        var merged: Row = ["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(3), "pid": .int(7)]
        merged["agg_count"] = .int(3)
        merged["agg_sum"] = .int(12)
        let single: Row = [
            "kind": .string("tcp_close"), "ts": .timestamp(2), "weight": .double(1), "pid": .int(7),
            "duration_ns": .int(5),
        ]
        let rows = [merged, single]
        let engine = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)])
        func notes(_ aggregates: [String]) throws -> [String] {
            try engine.table(try query(group: ["kind"], of: aggregates)).notes
        }
        #expect(try notes(["count"]).isEmpty)
        #expect(try notes(["sum(agg_sum)", "max(pid)"]).isEmpty)
        let told = try notes(["sum(duration_ns)", "count"])
        #expect(told.count == 1)
        #expect(told.first?.hasPrefix("aggregated: 1 row in range is a summary without duration_ns: ") == true)
    }

    @Test("ledger rows are left out unless they are asked for")
    func ledgerRows() throws {
        let rows: [Row] = [
            ["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(1)],
            ["kind": .string("_ledger"), "ts": .timestamp(2), "weight": .double(0), "ledger_entry": .string("gap")],
        ]
        let engine = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)])
        func count(_ filter: String) throws -> EventValue {
            try engine.table(
                try query(filter, of: ["count"])
            ).rows[0][0]
        }
        #expect(try count("") == .int(1))
        #expect(try count("kind ~ '.*'") == .int(1))
        #expect(try count("kind = _ledger") == .int(1))
        #expect(try count("kind in (_ledger, tcp_close)") == .int(2))
        #expect(try count("ledger_entry = gap") == .int(1))
    }

    @Test("an answer says what was lost of the kinds that it is about")
    func gaps() throws {
        func gap(_ kind: String, _ count: Int64, _ from: Int64, _ to: Int64) -> Row {
            [
                "kind": .string("_ledger"), "ts": .timestamp(to), "weight": .double(0), "ledger_entry": .string("gap"),
                "ledger_kind": .string(kind), "ledger_reason": .string("ring_full"), "ledger_count": .int(count),
                "ledger_from": .timestamp(from), "ledger_to": .timestamp(to),
            ]
        }
        let second: Int64 = 1_000_000
        let rows = [
            gap("tcp_connect", 1000, 10 * second, 12 * second), gap("tcp_connect", 234, 12 * second, 20 * second),
            gap("process_exec", 7, 10 * second, 20 * second),
        ]
        let engine = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)])
        let all = try engine.gaps(
            try query("kind=tcp_connect and pid=1", of: ["count"])
        )
        #expect(
            all.map(\.description) == [
                "gap: 1,234 tcp_connect lost between 1970-01-01T00:00:10.000000Z and 1970-01-01T00:00:20.000000Z, ring_full"
            ]
        )
        #expect(try engine.gaps(try query(since: 15_000_000_000)).map(\.count) == [7, 234])
        #expect(try engine.gaps(try query(since: 25_000_000_000)).isEmpty)
        #expect(try engine.gaps(try query(until: 5_000_000_000)).isEmpty)
        #expect(try engine.gaps(try query("not kind in (tcp_connect, process_exec)")).isEmpty)
    }

    @Test("progress reaches the whole, and stopping is said")
    func progress() throws {
        let archive = RandomArchive(rows: 900, isSampled: false)
        var last = (0, 0)
        let query = try query("kind = tcp_close", of: ["count"])
        _ = try QueryEngine(segments: archive.segments).table(query) { done, total in
            last = (done, total)
            return true
        }
        #expect(last == (900, 900))
        let stopped = try QueryEngine(segments: archive.segments).table(query) { _, _ in false }
        #expect(stopped.notes.contains("incomplete: stopped before the end"))
    }

    @Test("tables, JSON and CSV keep hostile text harmless")
    func output() throws {
        let rows: [Row] = [
            [
                "kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(1),
                "pod": .string("a\u{1b}[2J\n\u{202e}x,\"y\""), "duration_ns": .int(1_200_000),
            ],
            ["kind": .string("tcp_close"), "ts": .timestamp(2), "weight": .double(4), "duration_ns": .int(5)],
        ]
        let engine = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(rows)], rows: rows)])
        let table = try engine.table(
            try query(group: ["pod"], of: ["count", "max(duration_ns)"], order: "count")
        )
        #expect(
            QueryOutput.table(table) == """
                pod                      count  95 %  max(duration_ns)
                a\\x1b[2J\\n\\u{202e}x,"y"      1                   1.2ms
                -                            4  1…19               5ns

                """
        )
        #expect(
            QueryOutput.jsonLines(table) == #"""
                {"pod":"a\u001b[2J\n\u202ex,\"y\"","count":1,"count_low":1,"count_high":1,"max(duration_ns)":1200000}
                {"pod":null,"count":4,"count_low":1,"count_high":19,"max(duration_ns)":5}

                """#
        )
        #expect(
            QueryOutput.csv(table)
                == "pod,count,count_low,count_high,max(duration_ns)\r\n"
                + "\"a\\x1b[2J\n\\u{202e}x,\"\"y\"\"\",1,1,1,1200000\r\n,4,1,19,5\r\n"
        )
        #expect(table.notes.first == "estimated: 1 sampled rows in range stand for several events each (weight)")
    }
}
