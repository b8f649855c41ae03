import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Order, aliases and bounds")
struct OrderTests {
    private let rows: [Row] = (0..<500).map { OrderTests.row($0) }

    private static func row(_ index: Int) -> Row {
        var row: Row = [:]
        row["kind"] = .string("tcp_close")
        row["ts"] = .timestamp(Int64(index))
        row["weight"] = .double(1)
        row["pid"] = .int(Int64(index * 7919 % 500))
        row["comm"] = .string("c\(index % 3)")
        if index % 5 != 0 { row["srtt_us"] = .int(Int64(index)) }
        return row
    }

    private var engine: QueryEngine {
        QueryEngine(
            segments: stride(from: 0, to: rows.count, by: 100).map { start in
                let part = Array(rows[start..<start + 100])
                return MemoryArchive.segment([MemoryArchive.group(part)], rows: part)
            }
        )
    }

    private func query(_ change: (inout QuerySpec) -> Void) throws -> Query {
        var spec = QuerySpec()
        change(&spec)
        return try Query(spec, schema: MemoryArchive.schema)
    }

    private func shown(_ query: Query, _ name: String) throws -> [EventValue] {
        var found: [EventValue] = []
        _ = try engine.forEachRow(query) { row in
            found.append(row[name])
            return true
        }
        return found
    }

    @Test("single rows come in the order of a field, the first of them only, nulls last either way")
    func rowsInOrder() throws {
        let greatest = try query {
            $0.order = "-pid"; $0.limit = 5; $0.select = ["pid", "ts"]
        }
        #expect(try shown(greatest, "pid") == [499, 498, 497, 496, 495].map { .int($0) })
        let least = try query {
            $0.order = "comm,-pid"; $0.limit = 2; $0.select = ["pid", "comm"]
        }
        #expect(try shown(least, "comm") == [.string("c0"), .string("c0")])
        let all = try query {
            $0.order = "-srtt_us"; $0.limit = 500; $0.select = ["srtt_us"]
        }
        let values = try shown(all, "srtt_us")
        #expect(values.prefix(400).allSatisfy { $0 != .null })
        #expect(values.suffix(100).allSatisfy { $0 == .null })
        let newest = try query {
            $0.order = "-ts"; $0.limit = 1; $0.select = ["ts"]
        }
        #expect(try shown(newest, "ts") == [.timestamp(499)])
    }

    @Test("an order of rows needs a limit, and a field that exists")
    func wrongOrders() {
        func message(_ change: (inout QuerySpec) -> Void) -> String {
            do {
                _ = try query(change)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(message { $0.order = "-pid" }.contains("need a limit"))
        #expect(
            message {
                $0.order = "ts,-pidd"; $0.limit = 1
            }.hasSuffix("  ts,-pidd\n      ^~~~")
        )
        #expect(
            message {
                $0.order = "ts,"; $0.limit = 1
            }.contains("an empty name")
        )
        #expect(
            message {
                $0.groupBy = ["kind"]; $0.order = "xyz"
            }.hasPrefix("no column \"xyz\" in the answer, which has kind, count")
        )
        #expect(
            message {
                $0.groupBy = ["kind"]; $0.order = "-conut"
            }.contains("did you mean \"count\"?")
        )
        #expect(message { $0.groupBy = [String](repeating: "pid", count: 33) }.contains("at most 32 fields"))
    }

    @Test("groups are ordered by several columns")
    func groupsInOrder() throws {
        let query = try query {
            $0.groupBy = ["comm", "time(100us)"]; $0.order = "-comm,time"; $0.limit = 6
        }
        let table = try engine.table(query)
        #expect(table.rows.map { $0[0] } == ["c2", "c2", "c2", "c2", "c2", "c1"].map { .string($0) })
        #expect(table.rows.map { $0[1] } == [0, 100, 200, 300, 400, 0].map { .timestamp($0) })
    }

    @Test("the first of very many groups are those of all of them in order", arguments: [1, 7, 100])
    func firstGroups(limit: Int) throws {
        let all = try engine.table(
            try query {
                $0.groupBy = ["pid", "comm"]; $0.aggregates = ["max(srtt_us)"]
            }
        )
        let first = try engine.table(
            try query {
                $0.groupBy = ["pid", "comm"]; $0.aggregates = ["max(srtt_us)"]; $0.limit = limit
            }
        )
        #expect(first.rows == Array(all.rows.prefix(limit)))
        #expect(first.totalRows == all.rows.count)
    }

    @Test("rtt_ns is the field in microseconds, whatever unit a number has")
    func alias() throws {
        let slow = rows.count { row in
            if case .int(let value)? = row["srtt_us"] { value > 400 } else { false }
        }
        for text in ["rtt_ns > 400us", "rtt_ns > 400000", "rtt > 400us", "srtt_us > 400", "rtt_us >= 401"] {
            let query = try query {
                $0.filter = text
                $0.aggregates = ["count"]
            }
            #expect(try engine.table(query).rows == [[.int(Int64(slow))]], "\(text)")
        }
        let table = try engine.table(
            try query { $0.aggregates = ["max(rtt_ns)", "max(rtt)", "max(srtt_us)", "count(rtt_ns)"] }
        )
        #expect(table.columns.map(\.name) == ["max(rtt_ns)", "max(rtt)", "max(srtt_us)", "count(rtt_ns)"])
        #expect(table.rows == [[.int(499_000), .int(499), .int(499), .int(400)]])
        #expect(table.columns[0].unit == .nanoseconds && table.columns[1].unit == .microseconds)
        #expect(throws: QueryError.self) { try query { $0.filter = "rtt_n > 1" } }
    }

    @Test("an answer has the names that were asked for, and is ordered by them or by the fields' own")
    func askedNames() throws {
        let byTime = try query { $0.select = ["time", "process", "rtt_ns"] }
        #expect(byTime.selected.map(\.name) == ["time", "process", "rtt_ns"])
        #expect(try shown(byTime, "rtt_ns").dropFirst().prefix(2) == [.int(1000), .int(2000)])
        #expect(try shown(byTime, "process").first == .string("c0"))
        let ordered = try query {
            $0.select = ["rtt_ns"]; $0.order = "-rtt_ns"; $0.limit = 1
        }
        #expect(try shown(ordered, "rtt_ns") == [.int(499_000)])
        for order in ["-process", "-comm"] {
            let table = try engine.table(
                try query {
                    $0.groupBy = ["process"]; $0.order = order
                }
            )
            #expect(table.columns.map(\.name) == ["process", "count"])
            #expect(table.rows.map { $0[0] } == ["c2", "c1", "c0"].map { .string($0) })
        }
        let table = try engine.table(
            try query {
                $0.groupBy = ["comm"]; $0.aggregates = ["max(srtt_us)"]; $0.order = "max(rtt)"
            }
        )
        #expect(table.rows.count == 3)
    }
}
