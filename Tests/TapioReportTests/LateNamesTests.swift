import TapioArchive
import TapioEvents
import TapioQuery
import TapioTestSupport
import Testing

@testable import TapioReport

@Suite("What a report's rows did not know when they were written") struct LateNamesTests {
    private static let start = EventValue.timestamp(HostileHour.startUs)

    /// A row of a process whose pod and program were not known yet.
    private func late(_ kind: String, second: Double, _ more: Row = [:]) -> Row {
        let own: Row = ["pid": .int(7), "cgroup_id": .int(42)]
        return HostileHour.event(kind, second: second, "api", own.merging(more) { $1 })
    }

    private let database: Row = [
        "dst_addr": .string("10.0.0.1"), "dst_port": .int(5432), "src_port": .int(40_000),
        "direction": .string("outbound"), "latency_ns": .int(5_000_000),
    ]

    /// All that a process does in its life.
    private var life: [Row] {
        [
            late("process_exec", second: 1, ["start_ts": Self.start]), late("tcp_connect", second: 2, database),
            late("tcp_failed", second: 3, database.merging(["errno": .int(111)]) { $1 }),
            late("syscall_failed", second: 4, ["syscall": .string("openat"), "error": .string("ENOENT")]),
            late("oom_kill", second: 5),
            late("process_exit", second: 6, ["start_ts": Self.start, "exit_code": .int(0), "signal": .int(9)]),
        ]
    }

    private func tables(pod: String = "api-1") -> TablesInMemory {
        TablesInMemory(facts(pod: pod, boot: "boot-1"))
    }

    /// By table, what was found out.
    private func facts(pod: String, boot: String) -> [String: [Row]] {
        [
            "container": [
                [
                    "valid_from": Self.start, "boot_id": .string(boot), "cgroup_id": .int(42),
                    "pod_uid": .string("uid-1"),
                ]
            ],
            "pod": [
                [
                    "valid_from": Self.start, "pod_uid": .string("uid-1"), "pod": .string(pod),
                    "namespace": .string("shop"),
                ]
            ],
            "process": [
                [
                    "valid_from": Self.start, "boot_id": .string(boot), "pid": .int(7),
                    "exe": .string("/srv/api"),
                ]
            ],
            "service": [
                [
                    "valid_from": Self.start, "address": .string("10.0.0.1"), "port": .int(5432),
                    "protocol": .string("tcp"), "service": .string("db"),
                ]
            ],
        ]
    }

    private func group(_ rows: [Row], boot: String = "boot-1") -> RowsInMemory {
        var group = RowsInMemory(rows)
        group.bootID = boot
        return group
    }

    private func segment(_ groups: [RowsInMemory], _ tables: TablesInMemory?, node: String = "n1") -> SegmentSource {
        var segment = RowsInMemory.segment(groups, node: node)
        segment.dimensions = tables
        return segment
    }

    private func report(_ segments: [SegmentSource]) -> ReportData {
        ReportScan.report(ReportScan.Request(title: "t", archive: "a", madeBy: "m"), segments: segments)
    }

    @Test("a pod that was found out later stands in every table, and so do program and service")
    func everywhere() throws {
        let data = report([segment([group(life)], tables())])
        #expect(data.processes.items.map(\.owner) == ["shop/api-1"])
        #expect(data.processes.items.map(\.events) == [6])
        #expect(data.slow.items.map(\.kind).sorted() == ["tcp_connect", "tcp_failed"])
        #expect(data.slow.items.allSatisfy { $0.owner == "shop/api-1" && $0.detail.hasPrefix("db · ") })
        #expect(data.deaths.items.map(\.kind) == ["oom_kill", "process_exit"])
        #expect(data.deaths.items.allSatisfy { $0.owner == "shop/api-1" })
        #expect(data.syscalls.items.map(\.owner) == ["shop/api-1"])
        #expect(data.failedConnections.items.map(\.owner) == ["shop/api-1"])
        #expect(data.failedConnections.items.map(\.peer) == ["db (10.0.0.1) port 5432"])
        #expect(data.peers.items.map(\.name) == ["db"])
        let process = try #require(data.timeline.items.first)
        #expect(data.timeline.total == 1 && process.owner == "shop/api-1" && process.exe == "/srv/api")
        #expect(process.endUs == HostileHour.startUs + 6_000_000)
        #expect(data.reading.notes.isEmpty && !data.reading.isIncomplete)
    }

    /// The columns that rows name, and others that no row fills.
    private func columns(of rows: [Row], and more: [String] = []) -> [Column] {
        let named = RowsInMemory(rows).columns.map { ($0.name, $0.type) } + more.map { ($0, ColumnType.string) }
        return named.enumerated().map { place, column in Column(Int32(place + 1), column.0, column.1, "") }
    }

    @Test("so does one of an archive on disk, from the tables that lie beside it")
    func onDisk() throws {
        let disk = try DiskArchive(columns: columns(of: life, and: ["pod", "namespace"]))
        for (name, rows) in facts(pod: "api-1", boot: DiskArchive.bootID) {
            try disk.write(table: name, columns: columns(of: rows), rows, nowUs: HostileHour.startUs + 10_000_000)
        }
        try disk.append(life)
        disk.archive.close()
        #expect(disk.files(".pq").count == 4)
        func reportOfDisk() throws -> ReportData {
            let source = try ArchiveSource(path: disk.root)
            #expect(source.warnings.isEmpty)
            return report(source.segments)
        }
        let data = try reportOfDisk()
        #expect(data.reading.rows == life.count && data.reading.notes.isEmpty)
        #expect(data.processes.items.map(\.owner) == ["shop/api-1"])
        #expect(data.deaths.items.map(\.owner) == ["shop/api-1", "shop/api-1"])
        #expect(data.peers.items.map(\.name) == ["db"])
        #expect(data.timeline.items.map(\.owner) == ["shop/api-1"] && data.timeline.items.map(\.exe) == ["/srv/api"])
        #expect(try ReportPage.html(data).contains("shop/api-1"))

        // It is they that tell it.
        TestFile.removeTree(disk.root + "/_dimensions")
        let bare = try reportOfDisk()
        #expect(bare.reading.rows == life.count && bare.processes.items.map(\.owner) == [""])
    }

    @Test("what a row says itself stays; where no table is, rows are shown as they were written")
    func asWritten() {
        let own: Row = ["pod": .string("own"), "namespace": .string("shop"), "exe": .string("/bin/own")]
        let rows = life.map { row in row.merging(own) { $1 } }
        let known = report([segment([group(rows)], tables())])
        #expect(known.processes.items.map(\.owner) == ["shop/own"])
        #expect(known.timeline.items.map(\.exe) == ["/bin/own"])
        let bare = report([segment([group(life)], nil)])
        #expect(bare.processes.items.map(\.owner) == [""])
        #expect(bare.timeline.items.map(\.exe) == [""])
        #expect(bare.peers.items.map(\.address) == ["10.0.0.1"])
    }

    @Test("a cgroup or a pid of another boot is somebody else's")
    func boots() {
        let data = report([segment([group(life), group(life, boot: "boot-2")], tables())])
        #expect(Set(data.processes.items.map(\.owner)) == ["shop/api-1", ""])
        #expect(Set(data.deaths.items.map(\.owner)) == ["shop/api-1", ""])
        #expect(data.timeline.total == 2)
        for process in data.timeline.items { #expect((process.owner == "") == (process.exe == "")) }
    }

    @Test("the same pid of two nodes is two processes, each with its own pod")
    func nodes() {
        var other = tables(pod: "api-2")
        other.name = "n2"
        let data = report([segment([group(life)], tables()), segment([group(life)], other, node: "n2")])
        #expect(Set(data.timeline.items.map(\.owner)) == ["shop/api-1", "shop/api-2"])
        #expect(Set(data.processes.items.map(\.owner)) == ["shop/api-1", "shop/api-2"])
    }

    @Test("a table that cannot be read is named, once, as a query does; the report has what the rows say")
    func damagedTable() {
        var broken = tables()
        broken.damage = ["container": [Damage(place: "container.pq", reason: "truncated")]]
        let data = report([segment([group(life), group(life)], broken)])
        #expect(
            data.reading.notes == ["incomplete: 1 damaged part was skipped", "  container.pq: truncated"]
        )
        #expect(data.reading.isIncomplete)
        #expect(data.processes.items.map(\.owner) == ["shop/api-1"])
    }
}
