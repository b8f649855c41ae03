import TapioEvents
import TapioQuery

typealias Row = [String: EventValue]

/// A row group made of rows: its columns are those that the rows name.
struct RowsInMemory: RowGroupSource {
    let rows: [Row]
    var name = "segment row group 0"
    /// Reading this column fails.
    var damagedColumn: String?
    var bootID: String?
    private let types: [String: ColumnType]

    struct Broken: Error, CustomStringConvertible {
        var description: String { "checksum does not match" }
    }

    init(_ rows: [Row], name: String = "segment row group 0", damagedColumn: String? = nil) {
        self.rows = rows
        self.name = name
        self.damagedColumn = damagedColumn
        var types: [String: ColumnType] = [:]
        for row in rows {
            for (name, value) in row {
                switch value {
                case .int: types[name] = .int64
                case .double: types[name] = .double
                case .string: types[name] = .string
                case .timestamp: types[name] = .timestamp
                case .null: break
                }
            }
        }
        self.types = types
    }

    var rowCount: Int { rows.count }
    var byteCount: Int { 100 }
    var columns: [SourceColumn] {
        types.sorted { $0.key < $1.key }.map { SourceColumn(name: $0.key, type: $0.value) }
    }

    func bounds(_ column: Int) -> ColumnBounds {
        let name = columns[column].name
        let values = rows.compactMap { $0[name] }.filter { $0 != .null }
        var bounds = ColumnBounds(nullCount: rows.count - values.count)
        if name == "ts" {
            let times = values.compactMap { if case .timestamp(let us) = $0 { us } else { nil } }
            bounds.minimum = times.min().map { .integer($0) }
            bounds.maximum = times.max().map { .integer($0) }
        }
        return bounds
    }

    func read(_ column: Int) throws -> ColumnVector {
        let (name, type) = (columns[column].name, columns[column].type)
        if name == damagedColumn { throw Broken() }
        var validity = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
        for (row, values) in rows.enumerated() where values[name] ?? .null != .null {
            validity[row / 64] |= 1 << UInt64(row % 64)
        }
        switch type {
        case .int32, .int64, .timestamp:
            let numbers = rows.map { row -> Int64 in
                switch row[name] {
                case .int(let number), .timestamp(let number): number
                default: 0
                }
            }
            return ColumnVector(.integers(numbers), validity: validity)
        case .double:
            return ColumnVector(
                .doubles(rows.map { if case .double(let number) = $0[name] { number } else { 0 } }),
                validity: validity
            )
        case .string:
            var texts = TextVector(bytes: [], offsets: [0], indices: [])
            var known: [String: UInt32] = [:]
            for row in rows {
                guard case .string(let text) = row[name] else {
                    texts.indices.append(TextVector.noValue)
                    continue
                }
                if known[text] == nil {
                    known[text] = UInt32(texts.entryCount)
                    texts.bytes += text.utf8
                    texts.offsets.append(UInt32(texts.bytes.count))
                }
                texts.indices.append(known[text]!)
            }
            return ColumnVector(.texts(texts), validity: validity)
        }
    }

    /// A segment of one row group each.
    static func segment(_ groups: [RowsInMemory], damage: [Damage] = [], node: String? = "n1") -> SegmentSource {
        SegmentSource(name: "segment", byteCount: groups.count * 100, node: node) { _ in
            .init(groups: groups, damage: damage)
        }
    }
}

/// An hour of a node on which everything that a report tells of happens, with names that attack whoever shows them.
enum HostileHour {
    /// When it begins, microseconds.
    static let startUs: Int64 = 1_772_000_000_000_000

    static let names = [
        "<img src=x onerror=window.owned=1>", "</script><script>window.owned=2</script>", "\u{202e}gpj.exe",
        "\u{1b}[31mred\u{7}", "'\"&amp;", "nginx",
    ]

    static func event(_ kind: String, second: Double, _ comm: String, _ more: Row = [:]) -> Row {
        let row: Row = [
            "ts": .timestamp(startUs + Int64(second * 1e6)), "kind": .string(kind), "comm": .string(comm),
            "pid": .int(Int64(1000 + comm.utf8.count)), "weight": .double(1),
        ]
        return row.merging(more) { $1 }
    }

    static func ledger(second: Double, _ entry: String, _ more: Row) -> Row {
        let row: Row = [
            "ts": .timestamp(startUs + Int64(second * 1e6)), "kind": .string("_ledger"), "weight": .double(0),
            "comm": .string(""), "pid": .int(0), "ledger_entry": .string(entry),
            "ledger_from": .timestamp(startUs + Int64(second * 1e6) - 10_000_000),
            "ledger_to": .timestamp(startUs + Int64(second * 1e6)),
        ]
        return row.merging(more) { $1 }
    }

    static var rows: [Row] {
        var rows: [Row] = []
        for second in 0..<3600 {
            let at = Double(second)
            let comm = names[second % 7 < 6 ? second % 7 : 5]
            let start = EventValue.timestamp(startUs + Int64(second) * 1_000_000)
            rows.append(event("process_exec", second: at, comm, ["start_ts": start, "exe": .string("/bin/" + comm)]))
            rows.append(
                event(
                    "tcp_connect",
                    second: at,
                    comm,
                    [
                        "latency_ns": .int(Int64(second + 1) * 10_000), "dst_addr": .string("10.0.0.\(second % 9)"),
                        "dst_port": .int(443), "src_port": .int(40_000), "direction": .string("outbound"),
                        "pod": .string(comm), "namespace": .string("prod"), "weight": .double(second < 1800 ? 1 : 4),
                    ]
                )
            )
            if second % 3 == 0 {
                rows.append(
                    event(
                        "process_exit",
                        second: at + 0.5,
                        comm,
                        [
                            "start_ts": start, "duration_ns": .int(500_000_000),
                            "exit_code": .int(second % 2 == 0 ? 0 : 1),
                        ]
                    )
                )
            }
            if second % 5 == 0 {
                rows.append(
                    event(
                        "syscall_failed",
                        second: at,
                        comm,
                        [
                            "syscall": .string("openat"), "error": .string("ENOENT"), "errno": .int(2),
                        ]
                    )
                )
                rows.append(
                    event(
                        "tcp_close",
                        second: at,
                        comm,
                        [
                            "duration_ns": .int(5_000_000), "bytes_sent": .int(1000), "bytes_received": .int(2000),
                            "dst_addr": .string("10.0.0.1"), "dst_port": .int(443), "direction": .string("outbound"),
                            "dst_name": .string("<b>db</b>.example"),
                        ]
                    )
                )
            }
            if second % 10 == 0 {
                rows.append(
                    ledger(
                        second: at,
                        "interval",
                        [
                            "ledger_kind": .string("tcp_connect"), "ledger_attempted": .int(100),
                            "ledger_sampled_out": .int(second >= 1800 ? 30 : 0),
                            "ledger_ring_full": .int(second == 1200 ? 7 : 0),
                        ]
                    )
                )
            }
        }
        rows.append(
            event("dns_timeout", second: 100, names[0], ["dns_name": .string("<svg onload=window.owned=4>.test")])
        )
        rows.append(
            event(
                "dns_query",
                second: 101,
                "nginx",
                [
                    "dns_name": .string("gone.test"), "dns_code": .string("NXDOMAIN"), "latency_ns": .int(3_000_000),
                ]
            )
        )
        rows.append(
            event("dns_query", second: 102, "nginx", ["dns_name": .string("a.test"), "dns_code": .string("NOERROR")])
        )
        rows.append(
            event(
                "tcp_failed",
                second: 200,
                names[1],
                [
                    "errno": .int(111), "latency_ns": .int(1_000), "dst_addr": .string("10.0.0.9"),
                    "dst_port": .int(5432),
                    "direction": .string("outbound"),
                ]
            )
        )
        rows.append(
            event(
                "oom_kill",
                second: 300,
                names[2],
                [
                    "limit_bytes": .int(64 << 20), "usage_bytes": .int(64 << 20), "trigger_comm": .string(names[0]),
                ]
            )
        )
        rows.append(
            event("signal_death", second: 400, names[3], ["signal": .int(11), "sender_comm": .string(names[1])])
        )
        rows.append(
            ledger(
                second: 1200,
                "gap",
                [
                    "ledger_kind": .string("tcp_connect"), "ledger_reason": .string("ring_full"),
                    "ledger_count": .int(7),
                ]
            )
        )
        rows.append(ledger(second: 2400, "unclean_shutdown", ["ledger_count": .int(4096)]))
        rows.append(ledger(second: 0, "start", ["ledger_reason": .string("started"), "ledger_note": .string("<i>")]))
        return rows
    }
}
