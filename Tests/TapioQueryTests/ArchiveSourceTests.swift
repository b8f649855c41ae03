import Glibc
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioQuery

@Suite("Archives on disk")
struct ArchiveSourceTests {
    private func rows(_ group: Int, count: Int = 500) -> [Row] {
        (0..<count).map { index in
            var row: Row = [
                "ts": .timestamp(1_772_366_400_000_000 + Int64(group * 1000 + index)),
                "ts_sub_ns": .int(Int64(index % 1000)),
                "kind": .string(index % 3 == 0 ? "tcp_close" : "process_exec"), "cpu": .int(0),
                "seq": .int(Int64(index)),
                "pid": .int(Int64(index % 7)), "weight": .double(1), "comm": .string("c\(index % 5)"),
                "priority": .string("normal"), "uid": .int(0), "tid": .int(1), "ppid": .int(1), "cgroup_id": .int(1),
            ]
            if index % 2 == 0 { row["duration_ns"] = .int(Int64(index) * 1_000_000) }
            if index % 4 == 0 { row["pod"] = .string("api-\(index % 11)") }
            return row
        }
    }

    private func query(
        _ filter: String,
        group: [String] = [],
        of aggregates: [String] = ["count"],
        _ schema: QuerySchema
    ) throws -> Query {
        var spec = QuerySpec()
        spec.filter = filter
        spec.groupBy = group
        spec.aggregates = aggregates
        return try Query(spec, schema: schema)
    }

    @Test("sealed and open segments are answered as the same rows in memory are")
    func roundTrip() throws {
        let disk = try DiskArchive()
        try disk.append(rows(0))
        try disk.append(rows(1))
        disk.archive.seal()
        try disk.append(rows(2))
        let source = try ArchiveSource(path: disk.root)
        #expect(source.segments.count == 2)
        #expect(source.segments.map(\.isOpen) == [false, true])
        let schema = source.schema(MemoryArchive.schema)
        let all = rows(0) + rows(1) + rows(2)
        let memory = QueryEngine(segments: [MemoryArchive.segment([MemoryArchive.group(all)], rows: all)])
        let engine = QueryEngine(segments: source.segments)
        for filter in [
            "", "kind=tcp_close and pod~\"api-.*\" and duration_ns>50ms", "pod is null and comm in (c1, c2)",
            "ts >= 2026-03-01T12:00:00.002Z",
        ] {
            let query = try query(
                filter,
                group: ["kind", "pod"],
                of: ["count", "p99(duration_ns)", "sum(pid)"],
                schema
            )
            #expect(try engine.table(query).rows == memory.table(query).rows, "\(filter)")
            #expect(!(try engine.table(query).rows.isEmpty))
            var spec = QuerySpec()
            spec.filter = filter
            spec.limit = 700
            let rowQuery = try Query(spec, schema: schema)
            var left: [DecodedEvent] = []
            var right: [DecodedEvent] = []
            _ = try engine.forEachRow(rowQuery) {
                left.append($0); return true
            }
            _ = try memory.forEachRow(rowQuery) {
                right.append($0); return true
            }
            #expect(left.map { $0["ts"] } == right.map { $0["ts"] })
            #expect(left.map { $0["comm"] } == right.map { $0["comm"] })
        }
        disk.archive.close()
    }

    @Test("flipped bits cost their row group, by name, and never an answer that is wrong in silence")
    func damage() throws {
        let disk = try DiskArchive()
        try disk.append(rows(0))
        try disk.append(rows(1))
        disk.archive.close()
        let path = try #require(disk.files(".parquet").first)
        let query = try query(
            "",
            group: ["kind"],
            of: ["count", "sum(duration_ns)", "distinct(pod)"],
            MemoryArchive.schema
        )
        let whole = try QueryEngine(segments: try ArchiveSource(path: disk.root).segments).table(query)
        #expect(whole.summary.exitCode == 0)
        var size = stat()
        stat(path, &size)
        var damaged = 0
        for offset in stride(from: 4, to: Int(size.st_size), by: 97) {
            disk.damage(path, at: offset)
            let found = try QueryEngine(segments: try ArchiveSource(path: disk.root).segments).table(query)
            if found.rows != whole.rows {
                damaged += 1
                #expect(found.summary.exitCode == 3, "byte \(offset): \(found.rows)")
            }
            disk.damage(path, at: offset)
        }
        #expect(damaged > 0)
    }

    @Test("of a segment that was cut off, the rows that are missing are told, and who asks for them alone is told too")
    func cutOff() throws {
        let disk = try DiskArchive()
        for group in 0..<3 { try disk.append(rows(group)) }
        disk.archive.close()
        let path = try #require(disk.files(".parquet").first)
        var size = stat()
        stat(path, &size)
        truncate(path, size.st_size / 3)
        let engine = QueryEngine(segments: try ArchiveSource(path: disk.root).segments)
        let all = try engine.table(try query("", MemoryArchive.schema))
        guard case .int(let count)? = all.rows.first?.first else {
            Issue.record("no count")
            return
        }
        #expect(count < 1500 && all.summary.rowsInDamage == 1500 - Int(count))
        let lost = HumanUnits.count(1500 - count)
        #expect(all.notes.first == "incomplete: 1 damaged part was skipped, at least \(lost) rows")
        #expect(all.notes.last?.hasPrefix("  \(path), \(lost) rows: at byte ") == true, "\(all.notes)")
        #expect(all.summary.exitCode == 3)
        let late = try engine.table(try query("ts >= 2026-03-01T12:00:00.002Z", MemoryArchive.schema))
        #expect(late.summary.exitCode == 3)
    }

    @Test("damage beside the rows is told as damage, and nothing is called skipped")
    func harmlessDamage() throws {
        let disk = try DiskArchive()
        try disk.append(rows(0))
        disk.archive.close()
        let path = try #require(disk.files(".parquet").first)
        disk.damage(path, at: 0)
        let engine = QueryEngine(segments: try ArchiveSource(path: disk.root).segments)
        let table = try engine.table(try query("", MemoryArchive.schema))
        #expect(table.rows == [[.int(500)]] && table.summary.exitCode == 3)
        #expect(
            table.notes == [
                "damaged: 1 segment, of which no row is missing",
                "  \(path): at byte 0: the file does not start with PAR1",
            ]
        )
    }

    @Test("a path that does not exist is an error")
    func missing() {
        #expect(throws: (any Error).self) { try ArchiveSource(path: "/nonexistent/archive") }
    }

    @Test("how fast: count by kind over millions of rows", .enabled(if: getenv("TAPIO_BENCHMARK") != nil))
    func benchmark() throws {
        let disk = try DiskArchive()
        let group = rows(0, count: 131_072)
        for _ in 0..<32 { try disk.append(group) }
        disk.archive.close()
        let source = try ArchiveSource(path: disk.root)
        let engine = QueryEngine(segments: source.segments)
        let clock = ContinuousClock()
        let questions: [(String, [String], [String])] = [
            ("", ["kind"], ["count"]), ("", ["kind", "pod"], ["count"]),
            ("kind=tcp_close", ["kind"], ["p99(duration_ns)"]),
            ("kind=tcp_close and pod~\"api-.*\" and duration_ns>50ms", ["pod"], ["count", "sum(duration_ns)"]),
        ]
        for (filter, keys, aggregates) in questions {
            let query = try query(filter, group: keys, of: aggregates, MemoryArchive.schema)
            let time = try clock.measure { _ = try engine.table(query) }
            print("benchmark: \(filter) by \(keys) \(aggregates): \(time) for \(32 * 131_072) rows")
        }
        var spec = QuerySpec()
        spec.limit = 1_000_000
        let rowQuery = try Query(spec, schema: MemoryArchive.schema)
        let line = EventLine()
        var bytes = 0
        let time = try clock.measure {
            _ = try engine.forEachRow(rowQuery) {
                bytes += line.text($0).utf8.count; return bytes < 10_000_000
            }
        }
        print("benchmark: rows as lines: \(time) for \(bytes) bytes")
    }
}

extension DiskArchive {
    /// With the columns of archives in memory.
    fileprivate convenience init() throws { try self.init(columns: MemoryArchive.schema.columns) }
}
