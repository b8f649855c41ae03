import Glibc
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioQuery

/// An archive on disk with all five tables beside it, whose rows were written as an agent would: late, twice, in several hours.
private struct ArchiveWithTables {
    static let schema = MemoryArchive.schema.adding(
        columns: [.destinationAddress, .networkNamespace, Column(304, "args", .string, "-")],
        kinds: ["udp_flow", "process_fork"]
    )

    static let startUs: Int64 = 1_772_366_400_000_000
    static let hourUs: Int64 = 3_600_000_000
    static let boot = DiskArchive.bootID
    let disk: DiskArchive

    init() throws {
        disk = try DiskArchive(columns: Self.schema.columns)
        try write("container", Self.containers)
        try write("pod", Self.pods)
        try write("process", Self.processes)
        try write("service", Self.services)
        try write("dns", Self.names)
        try disk.append(Self.events)
        disk.archive.seal()
        disk.archive.close()
    }

    private static func time(_ us: Int64) -> EventValue { .timestamp(startUs + us) }

    static let containers: [Row] =
        (0..<3).map { number in
            [
                "valid_from": time(-10), "boot_id": .string(boot), "cgroup_id": .int(Int64(100 + number)),
                "cgroup_path": .string("/kubepods/pod\(number)"), "container_id": .string("c\(number)"),
                "pod_uid": .string("uid-\(number)"), "container_runtime": .string("containerd"),
            ]
        } + [
            // The same cgroup in another boot, and a service that was stopped.
            [
                "valid_from": time(-5), "boot_id": .string("ffffffff-0000-0000-0000-000000000000"),
                "cgroup_id": .int(100),
                "container_id": .string("not this boot's"),
            ],
            [
                "valid_from": time(-10), "valid_to": time(500), "boot_id": .string(boot), "cgroup_id": .int(200),
                "unit": .string("cron.service"),
            ],
        ]
    static let pods: [Row] =
        (0..<3).map { number in
            [
                "valid_from": time(-100), "pod_uid": .string("uid-\(number)"), "pod": .string("api-\(number)"),
                "namespace": .string("shop"), "node": .string("elsewhere"), "workload": .string("Deployment/api"),
            ]
        } + [
            // It was over, as its row says that came later.
            [
                "valid_from": time(-100), "valid_to": time(700), "pod_uid": .string("uid-2"), "pod": .string("api-2"),
                "namespace": .string("shop"), "node": .string("elsewhere"), "workload": .string("Deployment/api"),
            ]
        ]
    static let processes: [Row] = [
        process(300, 0, nil, "/bin/first"), process(301, 0, nil, "/bin/long"), process(300, 0, 400, "/bin/first"),
        process(300, 600, nil, "/bin/second"),
    ]
    static let services: [Row] = [
        [
            "valid_from": time(-1), "address": .string("10.0.0.1"), "port": .int(443), "protocol": .string("tcp"),
            "service": .string("web"), "namespace": .string("shop"), "kind": .string("ClusterIP"),
        ]
    ]
    static let names: [Row] = [
        name("10.0.0.1", 100, 300, "old.example."), name("10.0.0.1", 600, 800, "new.example."),
        name("10.0.0.2", 0, nil, "other.example."),
    ]

    private static func process(_ pid: Int64, _ from: Int64, _ to: Int64?, _ exe: String) -> Row {
        [
            "valid_from": time(from), "valid_to": to.map(time) ?? .null, "boot_id": .string(boot), "pid": .int(pid),
            "exe": .string(exe), "args": .string(exe + " 'é'"), "cwd": .string("/srv"), "ancestry": .string("init"),
        ]
    }

    private static func name(_ address: String, _ from: Int64, _ to: Int64?, _ name: String) -> Row {
        [
            "valid_from": time(from), "valid_to": to.map(time) ?? .null, "boot_id": .string(boot), "netns": .int(1),
            "address": .string(address), "name": .string(name),
        ]
    }

    /// One each of many combinations, microseconds apart.
    static let events: [Row] = (0..<1000).map { number -> Row in
        let kinds = ["tcp_close", "tcp_connect", "udp_flow", "process_exec", "process_exit"]
        var row: Row = [
            "ts": time(Int64(number)), "ts_sub_ns": .int(0), "kind": .string(kinds[number % 5]), "cpu": .int(0),
            "seq": .int(Int64(number)), "pid": .int([300, 301, 302][number % 3]), "weight": .double(1),
            "comm": .string("sh"), "priority": .string("normal"), "uid": .int(0), "tid": .int(1), "ppid": .int(1),
            "cgroup_id": .int([100, 101, 102, 103, 200, 0][number / 5 % 6]),
        ]
        if number % 7 == 0 { row["pod"] = .string("written") }
        if number % 5 < 3 {
            row["dst_addr"] = .string(["10.0.0.1", "10.0.0.2"][number / 3 % 2])
            row["dst_port"] = .int([443, 80][number / 2 % 2])
            row["netns"] = .int([1, 1, 2][number / 4 % 3])
        }
        return row
    }

    /// Half of the rows an hour later, in a file of their own; those that an hour lacks the columns of are older.
    private func write(_ name: String, _ rows: [Row]) throws {
        for (hour, part) in [rows.prefix((rows.count + 1) / 2), rows.suffix(rows.count / 2)].enumerated() {
            // As agents wrote it before it had an end.
            let isOld = name == "container" && hour == 0
            // A column's number is its place, and stays with it.
            let columns = MemoryDimensions.columns(of: name).enumerated().map { place, column in
                Column(Int32(place + 1), column.name, column.type, isRequired: column.isRequired, "")
            }
            try disk.write(
                table: name,
                columns: columns.filter { !isOld || $0.name != "valid_to" },
                Array(part),
                run: "run\(hour)",
                nowUs: Self.startUs + Int64(hour) * Self.hourUs
            )
        }
    }
}

@Suite("Tables beside an archive on disk")
struct DocumentedViewsTests {
    private static let shown = [
        "seq", "container_id", "pod_uid", "pod", "namespace", "workload", "unit", "exe", "args", "cwd", "ancestry",
        "dst_service", "dst_name",
    ]

    private func ours(_ archive: ArchiveWithTables, path: String? = nil) throws -> [[String]] {
        let source = try ArchiveSource(path: path ?? archive.disk.root)
        var spec = QuerySpec()
        spec.select = Self.shown
        let query = try Query(spec, schema: source.schema(ArchiveWithTables.schema).addingJoins())
        var rows: [[String]] = []
        let summary = try QueryEngine(segments: source.segments).forEachRow(query) { event in
            rows.append(
                Self.shown.map { name in
                    switch event[name] {
                    case .string(let text): text
                    case .int(let number): String(number)
                    default: "-"
                    }
                }
            )
            return true
        }
        #expect(summary.notes == [])
        return rows
    }

    @Test("late rows have container, pod, program and peer of their time, whatever part of the archive is named")
    func ownReader() throws {
        let archive = try ArchiveWithTables()
        let rows = try ours(archive)
        #expect(rows.count == 1000)
        func row(_ number: Int) -> [String] { Array(rows[number][1...]) }
        // 0: written with a pod, cgroup 100, pid 300, TCP to 10.0.0.1:443.
        #expect(
            row(0) == [
                "c0", "uid-0", "written", "shop", "Deployment/api", "-", "/bin/first", "/bin/first 'é'", "/srv",
                "init", "web", "-",
            ]
        )
        // 10: pod uid-2 until 700; 730: over.
        #expect(row(10)[...3] == ["c2", "uid-2", "api-2", "shop"] && row(732)[...3] == ["c2", "uid-2", "-", "-"])
        // 20: a unit, until 500.
        #expect(row(20)[5] == "cron.service" && row(503)[5] == "-")
        // The pid is free between 400 and 600.
        #expect([399, 402, 597, 600].map { row($0)[6] } == ["/bin/first", "-", "-", "/bin/second"])
        // TTLs of one address: 100 to 300, 600 to 800; and another network namespace.
        let names = rows.filter { $0[12] != "-" && $0[12] != "other.example." }
        #expect(Set(names.map { $0[12] }) == ["old.example.", "new.example."])
        for row in names {
            let number = Int(row[0])!
            #expect(row[12] == "old.example." ? (100..<300).contains(number) : (600..<800).contains(number))
            #expect(number / 4 % 3 != 2)
        }
        for path in [archive.disk.root + "/node=n1", try #require(archive.disk.files(".parquet").first)] {
            #expect(try ours(archive, path: path) == rows, "\(path)")
        }
    }

    @Test("a table's file that is damaged is skipped, named and counted")
    func damaged() throws {
        let archive = try ArchiveWithTables()
        let files = archive.disk.files(".pq").filter { $0.contains("/process/") }
        #expect(files.count == 2)
        var whole = stat()
        stat(files[1], &whole)
        truncate(files[1], whole.st_size - 1)
        let source = try ArchiveSource(path: archive.disk.root)
        var spec = QuerySpec()
        spec.groupBy = ["exe"]
        let query = try Query(spec, schema: source.schema(ArchiveWithTables.schema).addingJoins())
        let table = try QueryEngine(segments: source.segments).table(query)
        #expect(table.summary.exitCode == 3 && table.summary.damageCount == 1)
        #expect(table.notes.contains { $0.contains(files[1]) && $0.contains("PAR1") }, "\(table.notes)")
        #expect(table.rows.contains { $0[0] == .string("/bin/long") })
        spec.joins = false
        let plain = try Query(spec, schema: source.schema(ArchiveWithTables.schema).addingJoins())
        #expect(try QueryEngine(segments: source.segments).table(plain).summary.exitCode == 0)
    }

    private static let root: String = {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(3)
        return "/" + parts.joined(separator: "/")
    }()
    private static let python =
        (getenv("TAPIO_TEST_VENV").map { String(cString: $0) } ?? root + "/.build-venv") + "/bin/python"

    /// The blocks of SQL of a page.
    private static func statements(_ page: String) throws -> [String] {
        let text = String(decoding: try #require(TestFile.read("\(root)/\(page)")), as: UTF8.self)
        var blocks: [[Substring]] = []
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```sql" {
                blocks.append([])
                isInside = true
            } else if line == "```" {
                isInside = false
            } else if isInside {
                blocks[blocks.count - 1].append(line)
            }
        }
        return blocks.map { $0.joined(separator: "\n") }
    }

    @Test(
        "the views of tapio sql, and what docs/dimensions.md asks them, say the same as our own join, of each row",
        .enabled(
            if: access(python, X_OK) == 0 || getenv("CI").map { String(cString: $0) == "true" } ?? false,
            "no Python environment: run .ci/python-venv, or set TAPIO_TEST_VENV"
        ),
        arguments: SQLDialect.allCases
    )
    func views(dialect: SQLDialect) throws {
        let archive = try ArchiveWithTables()
        let views = try SQLViews(SQLArchive(path: archive.disk.root), SchemaRegistry([]), dialect)
        let questions = try Self.statements("docs/dimensions.md")
        #expect(questions.count >= 3)
        let file = archive.disk.root + ".sql"
        defer { unlink(file) }
        TestFile.write(file, (views.statements.map(\.commented) + questions).joined(separator: "\n"))
        let text = dialect == .duckdb ? "::VARCHAR" : "::Nullable(String)"
        let columns = Self.shown.map { "coalesce(\($0)\(text), '-')" }.joined(separator: ", ")
        let question = "select concat_ws('|', \(columns)) from tapio_events order by seq"
        let script =
            switch dialect {
            case .duckdb:
                """
                import duckdb, sys
                duckdb.execute(open(sys.argv[1]).read()).fetchall()
                for row in duckdb.sql(sys.argv[2]).fetchall(): print(row[0])
                for row in duckdb.sql(sys.argv[3]).fetchall(): print(row[0])
                """
            case .clickhouse:
                """
                import chdb.session, sys
                session = chdb.session.Session()
                for statement in ['CREATE DATABASE tapio', 'USE tapio', open(sys.argv[1]).read()]: session.query(statement)
                print(str(session.query(sys.argv[2], 'TSVRaw')), end='')
                print(str(session.query(sys.argv[3], 'TSVRaw')), end='')
                """
            }
        // A column of a table that is called as a part of the path is.
        let nodes = "select concat_ws('|', min(node), max(node), min(on_node), max(on_node)) from tapio_pod"
        let theirs = try InteractiveProcess.run([Self.python, "-c", script, file, question, nodes])
        let rows = try ours(archive)
        var lines = theirs.split(separator: "\n").map(String.init)
        #expect(lines.popLast() == "elsewhere|elsewhere|n1|n1")
        #expect(lines.count == rows.count)
        for (line, row) in zip(lines, rows) where line != row.joined(separator: "|") {
            Issue.record("\(dialect.title): \(line), ours: \(row.joined(separator: "|"))")
            break
        }
    }
}
