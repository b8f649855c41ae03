import TapioEvents
import Testing

@testable import TapioQuery

@Suite("What was found out later")
struct JoinTests {
    static let schema = MemoryArchive.schema.adding(
        columns: [.destinationAddress, .networkNamespace],
        kinds: ["udp_flow", "cgroup_create"]
    ).addingJoins()

    /// A row of the archive; `ts` in microseconds.
    private func row(_ ts: Int64, _ kind: String, _ values: Row = [:]) -> Row {
        var row: Row = [
            "ts": .timestamp(ts), "ts_sub_ns": .int(0), "kind": .string(kind), "cpu": .int(0), "seq": .int(ts),
            "pid": .int(0), "cgroup_id": .int(0), "weight": .double(1),
        ]
        row.merge(values) { $1 }
        return row
    }

    /// An archive of one segment whose files have the columns of `MemoryArchive`, a group per array.
    private func engine(
        _ groups: [[Row]],
        _ dimensions: MemoryDimensions?,
        bootID: String? = "boot-1",
        limits: QueryLimits = QueryLimits()
    ) -> QueryEngine {
        let columns = MemoryArchive.schema.columns + [.destinationAddress, .networkNamespace]
        let parts = groups.enumerated().map { number, rows in
            var group = MemoryArchive.group(rows, columns: columns, name: "group \(number)")
            group.bootID = bootID
            return group
        }
        var segment = MemoryArchive.segment(parts, rows: groups.flatMap { $0 })
        segment.dimensions = dimensions
        return QueryEngine(segments: [segment], limits: limits)
    }

    private func query(
        _ filter: String = "",
        by keys: [String] = [],
        _ aggregates: [String] = [],
        select: [String] = [],
        joins: Bool = true
    ) throws -> Query {
        var spec = QuerySpec()
        spec.filter = filter
        spec.groupBy = keys
        spec.aggregates = aggregates
        spec.select = select
        spec.joins = joins
        return try Query(spec, schema: Self.schema)
    }

    /// The selected values of the rows that pass, in the order of time.
    private func rows(_ engine: QueryEngine, _ query: Query) throws -> [[EventValue]] {
        var found: [[EventValue]] = []
        _ = try engine.forEachRow(query) { event in
            found.append(query.selected.map { event[$0.name] })
            return true
        }
        return found
    }

    private let late: Row = ["cgroup_id": .int(42), "container_status": .string("late")]

    private let container = MemoryDimensions.file(
        "container",
        [
            [
                "valid_from": .timestamp(100), "boot_id": .string("boot-1"), "cgroup_id": .int(42),
                "container_id": .string("c42"), "pod_uid": .string("uid-1"),
            ]
        ]
    )
    private let pod = MemoryDimensions.file(
        "pod",
        [
            [
                "valid_from": .timestamp(50), "valid_to": .timestamp(900), "pod_uid": .string("uid-1"),
                "pod": .string("api-1"), "namespace": .string("shop"), "workload": .string("Deployment/api"),
            ]
        ]
    )

    @Test("a late row has its container, and through it its pod; what it has itself stays")
    func lateRow() throws {
        let dimensions = MemoryDimensions(["container": [container], "pod": [pod]])
        let engine = engine(
            [
                [
                    row(200, "process_exec", late),
                    row(201, "process_exec", late.merging(["container_id": .string("own")]) { $1 }),
                    row(202, "process_exec", ["cgroup_id": .int(43)]), row(950, "process_exec", late),
                    row(99, "process_exec", late),
                ]
            ],
            dimensions
        )
        let shown = ["ts", "container_id", "pod_uid", "pod", "namespace", "container_status"]
        let found = try rows(engine, query(select: shown))
        let late = EventValue.string("late")
        #expect(
            found == [
                [.timestamp(99), .null, .null, .null, .null, late],
                [.timestamp(200), .string("c42"), .string("uid-1"), .string("api-1"), .string("shop"), late],
                [.timestamp(201), .string("own"), .string("uid-1"), .string("api-1"), .string("shop"), late],
                [.timestamp(202), .null, .null, .null, .null, .null],
                // The pod is over; its container is not said to be.
                [.timestamp(950), .string("c42"), .string("uid-1"), .null, .null, late],
            ]
        )
        let written = try rows(engine, query(select: shown, joins: false))
        #expect(written.map { $0[1] } == [.null, .null, .string("own"), .null, .null])
    }

    @Test("filters and groups see what was filled in, and no row group is skipped for what its nulls may become")
    func filters() throws {
        let dimensions = MemoryDimensions(["container": [container], "pod": [pod]])
        let engine = engine(
            [
                // Bounds that rule "api-1" out, and a group without any pod.
                [row(200, "process_exec", ["pod": .string("zzz")]), row(201, "process_exec", late)],
                [row(300, "process_exec", late), row(301, "process_exit", late)],
                // No null: these bounds still count.
                [row(400, "process_exec", ["pod": .string("other")])],
            ],
            dimensions
        )
        let shown = ["ts"]
        for filter in ["pod ~ \"api-.*\" and kind = process_exec", "pod = api-1 and kind = process_exec"] {
            #expect(try rows(engine, query(filter, select: shown)) == [[.timestamp(201)], [.timestamp(300)]])
            #expect(try rows(engine, query(filter, select: shown, joins: false)) == [])
        }
        #expect(try rows(engine, query("pod is null", select: shown)) == [])
        #expect(
            try rows(engine, query("pod is null", select: shown, joins: false)).count == 3
        )
        let table = try engine.table(query("pod = api-1", by: ["pod", "namespace"]))
        #expect(table.rows == [[.string("api-1"), .string("shop"), .int(3)]])
        #expect(table.summary.rowGroupsSkipped == 1)
        #expect(
            try engine.table(query("", by: [], ["distinct(pod)", "count(workload)"])).rows == [[.int(3), .int(3)]]
        )
    }

    @Test("every kind that has a pid has its program, also where the pid was used twice")
    func process() throws {
        func process(_ from: Int64, _ to: Int64?, _ exe: String) -> Row {
            var row: Row = [
                "valid_from": .timestamp(from), "boot_id": .string("boot-1"), "pid": .int(7), "exe": .string(exe),
                "args": .string("\(exe) -v"), "cwd": .string("/srv"), "ancestry": .string("systemd > sh"),
            ]
            if let to { row["valid_to"] = .timestamp(to) }
            return row
        }
        let file = MemoryDimensions.file("process", [process(100, 200, "/bin/a"), process(300, nil, "/bin/b")])
        let engine = engine(
            [
                [
                    row(150, "tcp_connect", ["pid": .int(7)]), row(250, "tcp_connect", ["pid": .int(7)]),
                    row(350, "tcp_close", ["pid": .int(7)]), row(360, "process_exec", ["pid": .int(7)]),
                    row(370, "tcp_close", ["pid": .int(8)]),
                ]
            ],
            MemoryDimensions(["process": [file]])
        )
        #expect(
            try engine.table(query("kind ~ \"tcp\"", by: ["exe"])).rows == [
                [.null, .int(2)], [.string("/bin/a"), .int(1)], [.string("/bin/b"), .int(1)],
            ]
        )
        // Fields that the archive does not have can be asked for all the same.
        let found = try rows(engine, query("cwd = \"/srv\"", select: ["ts", "args", "cwd", "ancestry"]))
        #expect(found.map { $0[0] } == [.timestamp(150), .timestamp(350), .timestamp(360)])
        #expect(found[0][1...] == [.string("/bin/a -v"), .string("/srv"), .string("systemd > sh")])
    }

    @Test("what was written in another boot of the machine is nobody's, nor is anything where the boot is not known")
    func boots() throws {
        let dimensions = MemoryDimensions(["container": [container]])
        for (boot, id) in [("boot-1", EventValue.string("c42")), ("boot-2", .null), (nil, .null)] {
            let engine = engine([[row(200, "process_exec", late)]], dimensions, bootID: boot)
            #expect(try rows(engine, query(select: ["container_id"])) == [[id]])
        }
    }

    @Test("a connection has the service and the name at its other end")
    func peers() throws {
        let service = MemoryDimensions.file(
            "service",
            [
                [
                    "valid_from": .timestamp(0), "address": .string("10.0.0.1"), "port": .int(53),
                    "protocol": .string("udp"), "service": .string("dns-udp"),
                ],
                [
                    "valid_from": .timestamp(0), "address": .string("10.0.0.1"), "port": .int(53),
                    "protocol": .string("tcp"), "service": .string("dns-tcp"),
                ],
            ]
        )
        let dns = MemoryDimensions.file(
            "dns",
            [
                [
                    "valid_from": .timestamp(100), "valid_to": .timestamp(200), "boot_id": .string("boot-1"),
                    "netns": .int(1), "address": .string("10.0.0.1"), "name": .string("ns.example."),
                ]
            ]
        )
        func peer(_ ts: Int64, _ kind: String, port: Int64 = 53, netns: Int64 = 1) -> Row {
            row(ts, kind, ["dst_addr": .string("10.0.0.1"), "dst_port": .int(port), "netns": .int(netns)])
        }
        let engine = engine(
            [
                [
                    peer(150, "tcp_connect"), peer(151, "udp_flow"), peer(152, "process_exec"),
                    peer(153, "tcp_close", port: 54), peer(199, "tcp_close", netns: 2), peer(200, "tcp_close"),
                    row(201, "tcp_close", ["dst_port": .int(53), "netns": .int(1)]),
                ]
            ],
            MemoryDimensions(["service": [service], "dns": [dns]])
        )
        let found = try rows(engine, query(select: ["dst_service", "dst_name"]))
        let name = EventValue.string("ns.example.")
        #expect(
            found == [
                [.string("dns-tcp"), name], [.string("dns-udp"), name], [.null, name], [.null, name],
                [.string("dns-tcp"), .null], [.string("dns-tcp"), .null], [.null, .null],
            ]
        )
    }

    @Test("a question that uses nothing that is filled in reads no table; one that does reads those, once")
    func economy() throws {
        let dimensions = MemoryDimensions(["container": [container], "pod": [pod]])
        let groups = (0..<5).map { [row(200 + $0, "process_exec", late)] }
        let engine = engine(groups, dimensions)
        _ = try engine.table(query("pid = 0", by: ["kind"], ["count", "sum(duration_ns)"]))
        _ = try engine.table(query("pod = api-1", by: ["kind"], joins: false))
        #expect(dimensions.reads == [])
        // Nor one whose rows are ruled out before.
        _ = try engine.table(query("kind = tcp_close and pod = api-1", by: ["kind"]))
        #expect(dimensions.reads == [])
        _ = try engine.table(query("", by: ["container_id"]))
        #expect(dimensions.reads == ["container"])
        _ = try engine.table(query("", by: ["pod"]))
        #expect(dimensions.reads == ["container", "container", "pod"])
    }

    @Test("rows of another time, and files without a column, do no harm; a file that is no table is named")
    func oddFiles() throws {
        let old = MemoryDimensions.file(
            "container",
            [
                [
                    "valid_from": .timestamp(10), "boot_id": .string("boot-1"), "cgroup_id": .int(42),
                    "container_id": .string("old"),
                ]
            ],
            without: ["valid_to", "unit", "pod_uid"]
        )
        let future = MemoryDimensions.file(
            "container",
            [
                [
                    "valid_from": .timestamp(5000), "boot_id": .string("boot-1"), "cgroup_id": .int(42),
                    "container_id": .string("future"),
                ]
            ]
        )
        var broken = container
        broken.isDamaged = true
        broken.name = "broken\u{1b}.pq"
        let strange = MemoryDimensions.file("container", [["valid_from": .timestamp(1)]], without: ["cgroup_id"])
        let engine = engine(
            [[row(50, "process_exec", late), row(200, "process_exec", late)]],
            MemoryDimensions(
                ["container": [old, container, future, broken, strange]],
                damage: [Damage(place: "gone.pq", reason: "truncated")]
            )
        )
        let query = try query(select: ["container_id", "pod_uid", "unit"])
        #expect(
            try rows(engine, query) == [
                [.string("old"), .null, .null], [.string("c42"), .string("uid-1"), .null],
            ]
        )
        let summary = try engine.forEachRow(query) { _ in true }
        #expect(summary.damageCount == 3 && summary.exitCode == 3)
        let notes = summary.notes.joined(separator: "\n")
        #expect(notes.contains("3 damaged parts") && notes.contains("gone.pq: truncated"), "\(notes)")
        #expect(notes.contains("checksum does not match") && !notes.contains("\u{1b}"), "\(notes)")
        #expect(notes.contains("container.pq: not a table container: it has no column cgroup_id"), "\(notes)")
        let table = try engine.table(self.query("", by: ["container_id"]))
        #expect(table.summary.damageCount == 3 && table.rows.count == 2)
    }

    @Test("rows and texts that find no room leave nulls, and one notice says so")
    func bounds() throws {
        let rowsOfTable = (0..<Int64(100)).map { number -> Row in
            [
                "valid_from": .timestamp(100), "boot_id": .string("boot-1"), "cgroup_id": .int(number),
                "container_id": .string("container-\(number)"),
            ]
        }
        let dimensions = MemoryDimensions(["container": [MemoryDimensions.file("container", rowsOfTable)]])
        let group = (0..<Int64(100)).map { row(200 + $0, "process_exec", ["cgroup_id": .int($0)]) }
        var limits = QueryLimits()
        limits.joinRows = 30
        let few = try engine([group], dimensions, limits: limits).table(query("", by: [], ["count(container_id)"]))
        #expect(few.rows == [[.int(30)]])
        #expect(few.summary.exitCode == 3)
        #expect(few.notes.count == 1 && few.notes[0].contains("70 of container"), "\(few.notes)")
        limits = QueryLimits()
        limits.joinTextBytes = 130
        let short = try engine([group], dimensions, limits: limits).table(query("", by: [], ["count(container_id)"]))
        #expect(short.rows == [[.int(11)]])
        #expect(short.notes.count == 1 && short.notes[0].contains("89 of container"), "\(short.notes)")
        let whole = try engine([group], dimensions).table(query("", by: [], ["count(container_id)"]))
        #expect(whole.rows == [[.int(100)]] && whole.notes == [])
    }
}
