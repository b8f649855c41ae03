import TapioEvents
import Testing

@Suite("Events as text")
struct EventTextTests {
    static func event(kind: String, _ values: [(String, EventValue)]) -> DecodedEvent {
        let known = Dictionary(
            uniqueKeysWithValues: (HeaderFields.all + EnrichmentColumn.fields + LedgerSchema.schema.fields)
                .map { ($0.column.name, $0.column) } + [("duration_ns", Column.duration)]
        )
        let header: [(String, EventValue)] = [
            ("ts", .timestamp(1_709_210_096_123_456)), ("ts_sub_ns", .int(7)), ("kind", .string(kind)),
            ("pid", .int(42)),
            ("weight", .double(1)), ("comm", .string("curl")),
        ]
        return DecodedEvent(
            values: (header + values).map { name, value in
                (known[name] ?? Column(999, name, .int64, unit: name.hasPrefix("bytes") ? .bytes : .none, "-"), value)
            }
        )
    }

    @Test("JSON has exact numbers, nine digits of time, and no nulls")
    func json() {
        let event = Self.event(
            kind: "x",
            [("seq", .int(.max)), ("pod", .null), ("exe", .string("a\"b\\c\n\u{1b}\u{9b}\u{202e}é\u{e0041}"))]
        )
        #expect(
            JSONText.line(event)
                == #"{"ts":"2024-02-29T12:34:56.123456007Z","kind":"x","pid":42,"weight":1.0,"comm":"curl","#
                + #""seq":9223372036854775807,"exe":"a\"b\\c\n\u001b\u009b\u202eé\udb40\udc41"}"#
        )
    }

    @Test("JSON of somebody else has nothing in its strings that a terminal obeys, and says the same")
    func foreignJSON() throws {
        let json = "{\"a\":\"é\u{9b}31m\u{202e}\u{7f}\u{e0041}\"}"
        let safe = JSONText.escapingUnsafe(in: json)
        #expect(safe == #"{"a":"é\u009b31m\u202e\u007f\udb40\udc41"}"#)
        #expect(JSONText.escapingUnsafe(in: #"{"a": 1}"#) == #"{"a": 1}"#)
    }

    @Test("a number that JSON does not have is null")
    func notANumber() {
        var bytes: [UInt8] = []
        JSONText.append(.double(.nan), to: &bytes)
        JSONText.append(.double(-0.5), to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "null-0.5")
    }

    @Test("exec shows its arguments")
    func exec() {
        let event = Self.event(kind: "process_exec", [("exe", .string("/bin/sh")), ("args", .string("sh -c 'x y'"))])
        #expect(
            EventLine().text(event)
                == "12:34:56.123456  process_exec     curl[42]                sh -c 'x y' (/bin/sh)"
        )
    }

    @Test("a summary shows how many events it stands for, and of what measure")
    func summary() {
        let values: [(String, EventValue)] = [
            ("exit_code", .int(1)), ("agg_count", .int(1204)), ("agg_first", .timestamp(1_709_210_096_123_456)),
            ("agg_last", .timestamp(1_709_210_101_123_456)), ("agg_min", .int(1_200_000)),
            ("agg_max", .int(3_000_000_000)), ("agg_sum", .int(9)), ("agg_histogram", .string("76:1 120:1203")),
        ]
        let columns = Dictionary(uniqueKeysWithValues: SummaryFields.columns.map { ($0.name, $0) })
        func line(weight: Double, pid: Int64 = 42) -> String {
            var event = Self.event(kind: "process_exit", values)
            event.values = event.values.map { column, value in
                let value = column.name == "pid" ? EventValue.int(pid) : value
                return (columns[column.name] ?? column, column.name == "weight" ? .double(weight) : value)
            }
            return EventLine().text(event)
        }
        #expect(line(weight: 1204).hasSuffix("  ×1,204 in 5s 1.2ms to 3s exit 1"))
        #expect(line(weight: 2408).hasSuffix("  ×1,204 in 5s (weight 2408) 1.2ms to 3s exit 1"))
        // One of many processes has no pid to show.
        #expect(line(weight: 1204).contains(" curl[42] "))
        #expect(line(weight: 1204, pid: 0).contains(" curl "))
    }

    @Test("exit shows code, signal and lifetime")
    func exit() {
        let killed = Self.event(
            kind: "process_exit",
            [("exit_code", .int(0)), ("signal", .int(9)), ("core_dumped", .int(0)), ("duration_ns", .int(1_200_000))]
        )
        #expect(EventLine().text(killed).hasSuffix(" killed by SIGKILL after 1.2ms"))
        let plain = Self.event(kind: "process_exit", [("exit_code", .int(3)), ("signal", .int(0))])
        #expect(EventLine().text(plain).hasSuffix(" exit 3"))
    }

    @Test("of names, packets, calls, files and requests, what mattered comes first")
    func others() {
        func line(_ kind: String, _ values: [(String, EventValue)]) -> String {
            EventLine().text(Self.event(kind: kind, values))
        }
        let name: [(String, EventValue)] = [
            ("dns_name", .string("a.example")), ("dns_type", .string("A")), ("dst_addr", .string("10.0.0.2")),
            ("dst_port", .int(53)), ("latency_ns", .int(2_000_000)), ("dns_attempts", .int(1)),
        ]
        let answer: [(String, EventValue)] = [
            ("dns_code", .string("NOERROR")), ("dns_answers", .string("A 10.1.1.1 60")),
        ]
        #expect(
            line("dns_query", name + answer)
                .hasSuffix("  A a.example → NOERROR A 10.1.1.1 60 in 2ms from 10.0.0.2:53")
        )
        #expect(line("dns_timeout", name).hasSuffix("  A a.example → no answer in 2ms from 10.0.0.2:53"))
        #expect(
            line(
                "packet_drop",
                [
                    ("drop_reason", .string("NO_SOCKET")), ("device", .string("eth0")), ("protocol", .string("udp")),
                    ("src_addr", .string("10.0.0.1")), ("src_port", .int(9)), ("dst_addr", .string("::1")),
                    ("dst_port", .int(53)), ("packet_bytes", .int(100)),
                ]
            ).hasSuffix("  NO_SOCKET at eth0 udp 10.0.0.1:9 → [::1]:53 100B")
        )
        #expect(
            line("syscall_failed", [("syscall", .string("write")), ("errno", .int(28)), ("error", .string("ENOSPC"))])
                .hasSuffix("  write → ENOSPC")
        )
        #expect(
            line(
                "file_open",
                [
                    ("file_operation", .string("open")), ("file_path", .string("/etc/shadow")),
                    ("file_access", .string("read_write")), ("errno", .int(13)), ("error", .string("EACCES")),
                ]
            ).hasSuffix("  open /etc/shadow to read and write → EACCES")
        )
        #expect(
            line(
                "block_io",
                [
                    ("device", .string("sda")), ("io_operation", .string("write")), ("io_bytes", .int(4096)),
                    ("latency_ns", .int(200_000_000)), ("queue_ns", .int(1000)),
                ]
            ).hasSuffix("  sda write 4KiB took 200ms after 1us in the queue")
        )
    }

    @Test("a signal shows who sent it to whom, and a death by one who was it")
    func signals() {
        let sent = Self.event(
            kind: "signal_sent",
            [
                ("signal", .int(15)), ("target_pid", .int(7)), ("target_tid", .int(9)),
                ("target_comm", .string("nginx")),
                ("signal_code", .int(0)), ("signal_source", .string("kill")), ("signal_result", .string("ignored")),
                ("signal_scope", .string("process")),
            ]
        )
        #expect(EventLine().text(sent).hasSuffix("  SIGTERM → nginx[7/9] by kill ignored"))
        let fault = Self.event(
            kind: "signal_death",
            [
                ("signal", .int(11)), ("signal_code", .int(1)), ("signal_source", .string("fault")),
                ("core_dumped", .int(1)),
                ("fault_address", .string("0000000000000008")), ("duration_ns", .int(1_200_000)),
                ("latency_ns", .int(50_000)),
            ]
        )
        #expect(
            EventLine().text(fault).hasSuffix(
                "  killed by SIGSEGV fault code 1 at 0x0000000000000008 core dumped after 1.2ms (50us after the signal)"
            )
        )
        let killed = Self.event(
            kind: "signal_death",
            [("signal", .int(35)), ("sender_pid", .int(3)), ("sender_comm", .string("sh\u{1b}[31m"))]
        )
        let line = EventLine().text(killed)
        #expect(line.contains("killed by SIGRTMIN+1 from sh") && line.hasSuffix("[3]") && !line.contains("\u{1b}"))
    }

    @Test("tcp shows both ends, IPv6 in brackets, and units")
    func tcp() {
        let event = Self.event(
            kind: "tcp_close",
            [
                ("src_addr", .string("10.0.0.1")), ("src_port", .int(4000)), ("dst_addr", .string("fe80::1")),
                ("dst_port", .int(443)), ("duration_ns", .int(1_200_000)), ("bytes_sent", .int(3_565_158)),
                ("errno", .int(111)), ("weight", .double(4)),
            ]
        )
        #expect(
            EventLine().text(event).hasSuffix(
                " 10.0.0.1:4000 → [fe80::1]:443 ECONNREFUSED lasted 1.2ms ↑3.4MiB"
            )
        )
    }

    private static let latencies: [(String, Int64?, String)] = [
        ("tcp_connect", nil, "answered in 1.2ms"), ("tcp_accept", nil, "accepted after 1.2ms"),
        ("tcp_failed", 111, "ECONNREFUSED after 1.2ms"), ("tcp_failed", 110, "ETIMEDOUT after 1.2ms"),
        ("tcp_failed", nil, "failed after 1.2ms"),
    ]

    @Test("only a connection that was answered is said to be; one that failed was tried so long", arguments: latencies)
    func tcpLatency(kind: String, errno: Int64?, words: String) {
        var values: [(String, EventValue)] = [
            ("dst_addr", .string("10.0.0.1")), ("dst_port", .int(443)), ("latency_ns", .int(1_200_000)),
        ]
        if let errno { values.append(("errno", .int(errno))) }
        #expect(EventLine().text(Self.event(kind: kind, values)).hasSuffix(" 10.0.0.1:443 \(words)"))
    }

    @Test("a kind that nobody described shows its columns")
    func unknownKind() {
        let event = Self.event(
            kind: "disk_io",
            [("duration_ns", .int(2_000_000)), ("sector", .int(9)), ("bytes", .int(4096))]
        )
        #expect(EventLine().text(event).hasSuffix(" duration=2ms sector=9 bytes=4KiB"))
    }

    @Test("a gap says what was lost, and why")
    func gap() {
        let event = Self.event(
            kind: "_ledger",
            [
                ("ledger_entry", .string("gap")), ("ledger_kind", .string("tcp_connect")), ("ledger_count", .int(1234)),
                ("ledger_reason", .string("ring_full")), ("ledger_stage", .string("kernel")),
            ]
        )
        #expect(EventLine().text(event).hasSuffix(" gap tcp_connect 1,234 lost ring_full in kernel"))
    }

    @Test("a line is never wider than asked, and hostile text stays text")
    func width() {
        let event = Self.event(
            kind: "process_exec",
            [
                ("args", .string("\u{1b}[2J\nfake line 日本語 " + String(repeating: "x", count: 500))),
                ("pod", .string("p")),
            ]
        )
        for width in 1...150 {
            let line = EventLine(width: width).text(event)
            #expect(TerminalText.width(of: line) <= width)
            #expect(!line.unicodeScalars.contains { TerminalText.isUnsafe($0) })
            #expect(line.hasSuffix("…"))
        }
        #expect(EventLine(width: 1000).text(event).contains("\\x1b[2J\\nfake"))
    }

    @Test("colours wrap the text and change nothing else")
    func colours() {
        let event = Self.event(kind: "process_exit", [("exit_code", .int(3))])
        let line = EventLine(usesColour: true, width: 70).text(event)
        #expect(line.contains("\u{1b}[31mexit 3\u{1b}[0m"))
        var plain = line
        for style in ["2", "31", "32", "0"] {
            plain = plain.split(separator: "\u{1b}[\(style)m", omittingEmptySubsequences: false).joined()
        }
        #expect(plain == EventLine(width: 70).text(event))
    }
}
