import TapioEvents
import Testing

@testable import TapioQuery

@Suite("An explanation") struct ExplanationTests {
    private typealias Story = StoryFixture

    private func explain(_ subject: Subject, _ rows: [Row]) throws -> Explanation {
        try Explanation(subject, in: Story.archive(rows), range: StoryRange())
    }

    private static let me = Subject.process(pid: 10, atUs: nil)

    /// What is said of process 10, by rules of that name.
    private func said(_ rule: String, _ rows: [Row]) throws -> [String] {
        try explain(Self.me, Story.life(10, "api", from: 1, to: 9) + rows).statements
            .filter { $0.rule == rule }.map(\.text)
    }

    private func mine(_ kind: String, _ at: Double, _ values: Row = [:]) -> Row {
        Story.row(kind, at, pid: 10, ["comm": .string("api"), "cgroup_id": .int(77)].merging(values) { $1 })
    }

    private func death(_ values: Row) -> Row {
        mine(
            "signal_death",
            9,
            ["signal": .int(9), "start_ts": Story.time(1), "duration_ns": .int(8_000_000_000)].merging(values) { $1 }
        )
    }

    @Test("a signal's death names signal, sender and how it was sent")
    func signal() throws {
        let said = try said(
            "signal",
            [
                death([
                    "signal_source": .string("kill"), "sender_pid": .int(99), "sender_comm": .string("bash"),
                    "sender_uid": .int(0), "latency_ns": .int(30_000),
                ])
            ]
        )
        #expect(
            said == ["SIGKILL ended it after 8s: bash[99] sent it with kill(), user 0; it was over 30us later."]
        )
    }

    @Test("a death tells no more of its sender than the row does")
    func senders() throws {
        let cases: [(Row, String)] = [
            ([:], "who sent it was not seen"),
            (["signal_source": .string("kernel")], "the kernel sent it"),
            (["signal_source": .string("fault"), "fault_address": .string("0")], "for a fault at address 0x0"),
            (["signal_source": .string("tkill"), "sender_pid": .int(10)], "it sent it to itself"),
        ]
        for (values, part) in cases {
            let said = try said("signal", [death(values)])
            #expect(said.count == 1)
            #expect(said.first?.contains(part) == true, "\(said)")
        }
    }

    @Test(
        "where there is no row of the death, the end tells the signal, and a signal that was sent shortly before its sender"
    )
    func sentBefore() throws {
        let end = mine("process_exit", 9.5, ["signal": .int(15), "exit_code": .int(0), "start_ts": Story.time(1)])
        func signal(_ at: Double, _ result: String) -> Row {
            Story.row(
                "signal_sent",
                at,
                pid: 99,
                ["comm": .string("sh"), "target_pid": .int(10), "signal": .int(15), "signal_result": .string(result)]
            )
        }
        let alone = try said("signal", [end])
        #expect(alone.count == 1)
        #expect(alone.first?.contains("does not tell who sent it") == true)
        let both = try said("signal", [signal(9.4, "delivered"), end])
        #expect(both.count == 2)
        #expect(both.last == "100ms before that end, sh[99] sent it SIGTERM.")
        #expect(try said("signal", [signal(9.4, "ignored"), end]).count == 1)
    }

    @Test("an exit code is told with the calls that failed shortly before, the last first")
    func exit() throws {
        let rows =
            Story.life(10, "api", from: 1, to: 90, code: 3) + [
                mine(
                    "syscall_failed",
                    2,
                    ["syscall": .string("openat"), "errno": .int(2), "error": .string("ENOENT")]
                ),
                mine(
                    "syscall_failed",
                    89,
                    ["syscall": .string("bind"), "errno": .int(98), "error": .string("EADDRINUSE")]
                ),
                mine(
                    "syscall_failed",
                    89.5,
                    ["syscall": .string("write"), "errno": .int(28), "error": .string("ENOSPC")]
                ),
                Story.row("syscall_failed", 89.9, pid: 11, ["syscall": .string("other"), "errno": .int(1)]),
            ]
        let statements = try explain(Self.me, rows).statements.filter { $0.rule == "exit" }
        #expect(
            statements.map(\.text) == [
                "It exited with code 3 after 1m29s.",
                "Before that, write failed with ENOSPC (No space left on device), once; the last time 500ms before.",
                "Before that, bind failed with EADDRINUSE (Address already in use), once; the last time 1s before.",
            ]
        )
        #expect(statements[1].rows.map(\.timeUs) == [Story.us(89.5)])
    }

    @Test("a summary that is written after the end counts calls of before it")
    func lateSummary() throws {
        let call: Row = ["syscall": .string("bind"), "errno": .int(98), "error": .string("EADDRINUSE")]
        let late: Row = ["agg_count": .int(4), "weight": .double(4), "agg_last": Story.time(88)]
        let rows =
            Story.life(10, "api", from: 1, to: 90, code: 3) + [
                mine("syscall_failed", 85, call), mine("syscall_failed", 95, call.merging(late) { $1 }),
            ]
        let texts = try explain(Self.me, rows).statements.filter { $0.rule == "exit" }.map(\.text)
        #expect(texts.last?.contains("EADDRINUSE (Address already in use), 5 times; the last time 2s before.") == true)
    }

    @Test("who exits in order is told so, without calls that failed, and of a pod not at all")
    func exitInOrder() throws {
        let failing = mine("syscall_failed", 8.9, ["syscall": .string("openat"), "errno": .int(2)])
        #expect(try said("exit", [failing]) == ["It exited with code 0 after 8s."])
        let rows = Story.life(10, "api", from: 1, to: 9).map { $0.merging(["pod": .string("p")]) { $1 } }
        #expect(try explain(.pod(namespace: nil, name: "p"), rows).statements.isEmpty)
    }

    @Test("a death for want of memory names limit and use, and the levels before, of that cgroup only")
    func outOfMemory() throws {
        func usage(_ at: Double, _ bytes: Int64, group: Int64 = 77) -> Row {
            Story.row(
                "memory_usage",
                at,
                ["cgroup_id": .int(group), "usage_bytes": .int(bytes << 20), "limit_bytes": .int(64 << 20)]
            )
        }
        let kill = mine(
            "oom_kill",
            9,
            [
                "full_cgroup_id": .int(77), "limit_bytes": .int(64 << 20), "usage_bytes": .int(64 << 20),
                "anonymous_bytes": .int(60 << 20), "trigger_pid": .int(12), "trigger_comm": .string("worker"),
            ]
        )
        let said = try said("oom", [usage(5, 58), usage(6, 62), usage(6, 63, group: 78), kill])
        #expect(said.count == 3)
        #expect(
            said.first
                == "The kernel chose it to be killed because memory ran out in cgroup 77, which used 64MiB of 64MiB (100 %); "
                + "60MiB of it were the victim's own (anonymous); worker[12] had asked for memory."
        )
        #expect(
            said.dropFirst().first?.contains("58MiB of 64MiB (90.6 %) at 00:00:05.000000, 62MiB") == true,
            "\(said)"
        )
        #expect(said.last?.contains("came near its memory limit: at most 62MiB") == true, "\(said)")
    }

    @Test("the machine's want of memory is not taken for a cgroup's, and another's death not for one's own")
    func otherMemory() throws {
        #expect(
            try said("oom", [mine("oom_kill", 9)]) == [
                "The kernel chose it to be killed because memory ran out on the whole machine."
            ]
        )
        #expect(try said("oom", [Story.row("oom_kill", 9, pid: 12, ["cgroup_id": .int(77)])]).isEmpty)
        #expect(
            try said(
                "oom",
                [Story.row("memory_pressure", 9, ["cgroup_id": .int(77), "some_stalled_permille": .int(0)])]
            ).isEmpty
        )
    }

    @Test("throttling is told as part of the periods, of one's own cgroup, and only where a quota was used up")
    func throttling() throws {
        func throttled(_ group: Int64, _ used: Int64) -> Row {
            Story.row(
                "cpu_throttled",
                5,
                [
                    "cgroup_id": .int(group), "cpu_periods": .int(50), "throttled_periods": .int(used),
                    "throttled_ns": .int(2_500_000_000), "elapsed_ns": .int(5_000_000_000),
                ]
            )
        }
        #expect(
            try said("throttled", [throttled(77, 45), throttled(77, 5), throttled(78, 50)]) == [
                "The CPU quota of its cgroup 77 was used up in 50 of 100 periods (50 %); its threads were kept from running for 5s, "
                    + "all CPUs added up, in the 10s that these rows count."
            ]
        )
        #expect(try said("throttled", [throttled(77, 0)]).isEmpty)
    }

    @Test("waits for a CPU are told where one was long, in a row of its own or in a summary")
    func runQueue() throws {
        #expect(try said("run-queue", [mine("run_queue_wait", 2, ["latency_ns": .int(1_000_000)])]).isEmpty)
        let long = mine("run_queue_wait", 2, ["latency_ns": .int(60_000_000)])
        let summary = mine(
            "run_queue_wait",
            3,
            ["agg_count": .int(9), "agg_max": .int(40_000_000), "weight": .double(9)]
        )
        #expect(
            try said("run-queue", [long, summary]) == [
                "Threads that could run waited for a CPU, the longest for 60ms."
            ]
        )
    }

    @Test("name servers that fail, are silent, late, or know no such name")
    func dns() throws {
        func ask(_ kind: String, _ code: String?, slow: Bool = false) -> Row {
            var values: Row = [
                "dns_name": .string("db.example"), "dst_addr": .string("10.0.0.10"), "latency_ns": .int(2_000_000_000),
            ]
            if let code { values["dns_code"] = .string(code) }
            if slow { values["dns_slow"] = .int(1) }
            return mine(kind, 3, values)
        }
        #expect(try said("dns", [ask("dns_query", "NOERROR")]).isEmpty)
        #expect(
            try said("dns", [ask("dns_timeout", nil), ask("dns_timeout", nil)]) == [
                "Name server 10.0.0.10 did not answer about db.example, 2 times."
            ]
        )
        #expect(
            try said("dns", [ask("dns_failed", "SERVFAIL")]) == [
                "Name server 10.0.0.10 answered SERVFAIL about db.example, once."
            ]
        )
        #expect(
            try said("dns", [ask("dns_query", "NXDOMAIN")]) == [
                "Name server 10.0.0.10 said that there is no name db.example, once."
            ]
        )
        #expect(
            try said("dns", [ask("dns_query", "NOERROR", slow: true)]) == [
                "Name servers answered late, once; the slowest took 2s (db.example)."
            ]
        )
    }

    @Test("connections that fail, are reset by the other end or broken, and segments sent again")
    func network() throws {
        let end: Row = ["dst_addr": .string("10.0.0.5"), "dst_port": .int(5432)]
        func event(_ kind: String, _ values: Row) -> Row { mine(kind, 4, end.merging(values) { $1 }) }
        #expect(
            try said("connect", [event("tcp_failed", ["errno": .int(111), "latency_ns": .int(1_000_000)])])
                == [
                    "A TCP connection to 10.0.0.5:5432 could not be opened: ECONNREFUSED (Connection refused), once; it was tried for at most 1ms."
                ]
        )
        #expect(try said("reset", [event("tcp_reset", ["reset_direction": .string("sent")])]).isEmpty)
        #expect(
            try said("reset", [event("tcp_reset", ["reset_direction": .string("received")])]) == [
                "A TCP reset came from 10.0.0.5:5432, once."
            ]
        )
        #expect(try said("reset", [event("tcp_close", [:])]).isEmpty)
        #expect(
            try said("reset", [event("tcp_close", ["errno": .int(110)])]) == [
                "A TCP connection with 10.0.0.5:5432 ended with ETIMEDOUT (Connection timed out), once."
            ]
        )
        let again = event(
            "tcp_retransmit",
            ["agg_count": .int(5), "weight": .double(5), "dst_service": .string("default/db")]
        )
        #expect(
            try said("retransmits", [again]) == ["A TCP segment to 10.0.0.5:5432 (default/db) was sent again, 5 times."]
        )
    }

    @Test("disks, faults, reclaim and failing calls")
    func others() throws {
        let error: Row = [
            "device": .string("vda"), "io_operation": .string("read"), "errno": .int(5), "error": .string("EIO"),
        ]
        #expect(
            try said("block-errors", [mine("block_error", 3, error)]) == [
                "A read of block device vda failed with EIO (Input/output error), once."
            ]
        )
        func faults(_ count: Int64) -> Row {
            mine("major_fault", 3, ["agg_count": .int(count), "weight": .double(Double(count))])
        }
        #expect(try said("major-faults", [faults(99)]).isEmpty)
        #expect(
            try said("major-faults", [faults(99), faults(1)]) == [
                "Threads waited for pages that had to be read (major faults), 100 times."
            ]
        )
        let reclaim = mine("memory_reclaim", 3, ["duration_ns": .int(5_000_000), "reclaim_cause": .string("cgroup")])
        #expect(try said("reclaim", [reclaim]).first?.contains("(cgroup), once: 5ms in the rows") == true)
        let call = mine(
            "syscall_failed",
            3,
            ["syscall": .string("connect"), "errno": .int(13), "error": .string("EACCES")]
        )
        #expect(
            try said("failing-calls", [call, call]) == ["connect failed with EACCES (Permission denied), 2 times."]
        )
    }

    @Test("what Kubernetes says of a container that ended, and its warnings; not of one that was completed")
    func kubernetes() throws {
        func container(_ values: Row) throws -> [String] {
            let row = Story.row(
                "k8s_container",
                3,
                ["pod": .string("p"), "container": .string("c")].merging(values) { $1 }
            )
            return try explain(.pod(namespace: nil, name: "p"), [row]).statements.map(\.text)
        }
        #expect(try container(["container_state": .string("running")]).isEmpty)
        #expect(
            try container([
                "container_state": .string("terminated"), "reason": .string("Completed"), "exit_code": .int(0),
            ]).isEmpty
        )
        #expect(
            try container([
                "container_state": .string("running"), "last_reason": .string("OOMKilled"), "last_exit_code": .int(137),
                "restart_count": .int(3),
            ])
                == [
                    "Kubernetes says that container c ended before it was started again: OOMKilled, exit code 137, started again 3 times in all."
                ]
        )
        let warning = Story.row(
            "k8s_event",
            3,
            [
                "pod": .string("p"), "event_type": .string("Warning"), "reason": .string("BackOff"),
                "message": .string("again"),
            ]
        )
        #expect(
            try explain(.pod(namespace: nil, name: "p"), [warning]).statements.map(\.text) == [
                "Kubernetes warns of BackOff: again."
            ]
        )
    }

    @Test("where events were sampled, only what is certain is counted as certain")
    func sampled() throws {
        let row = mine("tcp_retransmit", 3, ["weight": .double(100), "dst_addr": .string("10.0.0.5")])
        let explanation = try explain(Self.me, Story.life(10, "api", from: 1, to: 9) + [row, row])
        #expect(explanation.statements.contains { $0.text.contains("at least 2 times (sampled: about 200)") })
        #expect(explanation.sampledRows == 2)
    }

    @Test("what cannot be shown is said: gaps, kinds of which there is no row, and a start before the archive")
    func limits() throws {
        let rows = [
            mine("process_existing", 1, ["start_ts": Story.time(-50)]),
            Story.gap("syscall_failed", from: 2, to: 3, count: 12, writtenAt: 60),
            Story.gap("block_io", from: 2, to: 3, count: 12, writtenAt: 60),
            interval("dns_query", "dns", from: 50, to: 61),
        ]
        let explanation = try explain(Self.me, rows)
        #expect(explanation.statements.isEmpty)
        #expect(explanation.isKnown)
        #expect(explanation.gaps.map(\.kind) == ["syscall_failed"])
        #expect(explanation.scope.life?.isBornInArchive == false)
        #expect(explanation.unseen["memory"]?.contains("oom_kill") == true)
        // The ledger knows of some, so the collector ran.
        #expect(explanation.unseen["dns"]?.contains("dns_query") == false)
    }

    private func interval(_ kind: String, _ collector: String, from: Double, to: Double) -> Row {
        Story.row(
            "_ledger",
            to,
            [
                "ledger_entry": .string("interval"), "ledger_kind": .string(kind),
                "ledger_collector": .string(collector), "ledger_from": Story.time(from), "ledger_to": Story.time(to),
            ]
        )
    }

    @Test(
        "of a short process, the ledger's intervals around it tell which collectors ran, and others' rows in them count"
    )
    func watched() throws {
        let rows =
            Story.life(10, "api", from: 25, to: 25.001) + [
                interval("syscall_failed", "syscall", from: 0, to: 10),
                interval("tcp_connect", "network", from: 20, to: 30),
                interval("tcp_close", "network", from: 20, to: 30),
                interval("block_io", "storage", from: 40, to: 50), Story.row("dns_query", 21, pid: 11),
                Story.row("oom_kill", 35, pid: 11),
            ]
        let explanation = try explain(Self.me, rows)
        let watched = explanation.watched
        #expect(watched.fromUs == Story.us(20))
        #expect(watched.toUs == Story.us(30))
        let network = watched.collectors["network"]
        #expect(network?.kinds == ["tcp_close", "tcp_connect"])
        #expect(network?.fromUs == Story.us(20))
        #expect(network?.toUs == Story.us(30))
        #expect(explanation.unseen["network"] == ["tcp_failed", "tcp_reset", "tcp_retransmit"])
        // Of another's rows the collector is known, though the ledger has no interval of it.
        #expect(watched.collectors["dns"]?.kinds == ["dns_query"])
        #expect(explanation.unseen["dns"] == ["dns_failed", "dns_timeout"])
        // What was before or is after shows nothing of that time.
        #expect(watched.collectors["syscall"] == nil)
        #expect(watched.collectors["storage"] == nil)
        #expect(explanation.unseen["syscall"] == ["syscall_failed"])
        #expect(explanation.unseen["memory"]?.contains("oom_kill") == true)
    }

    @Test("where no interval of the ledger touches a short process, those within a minute count, and that time is told")
    func watchedNearby() throws {
        let rows =
            Story.life(10, "api", from: 200, to: 200.5) + [
                interval("tcp_connect", "network", from: 180, to: 190),
                interval("block_io", "storage", from: 20, to: 30),
            ]
        let watched = try explain(Self.me, rows).watched
        #expect(watched.collectors["network"]?.kinds == ["tcp_connect"])
        #expect(watched.collectors["storage"] == nil)
        #expect(watched.fromUs.map { $0 <= Story.us(180) } == true)
        #expect(watched.toUs.map { $0 >= Story.us(201) } == true)
    }

    @Test("of whom the archive has nothing, it says nothing")
    func unknown() throws {
        #expect(try !explain(.process(pid: 4242, atUs: nil), Story.life(10, "api", from: 1, to: 9)).isKnown)
    }

    @Test("every statement's query shows its rows")
    func queries() throws {
        let end: Row = ["dst_addr": .string("10.0.0.5"), "dst_port": .int(5432)]
        let rows =
            Story.life(10, "api", from: 1, to: 9, code: 1) + [
                mine("syscall_failed", 8.5, ["syscall": .string("bind"), "errno": .int(98)]),
                mine("tcp_failed", 3, end.merging(["errno": .int(111)]) { $1 }),
                mine("tcp_reset", 4, end.merging(["reset_direction": .string("received")]) { $1 }),
                mine("dns_timeout", 5, ["dns_name": .string("x")]), death(["signal_source": .string("kernel")]),
                Story.row("cpu_throttled", 5, ["cgroup_id": .int(77), "throttled_periods": .int(3)]),
            ]
        let archive = Story.archive(rows)
        let statements = try explain(Self.me, rows).statements
        #expect(statements.count >= 7)
        for statement in statements {
            var found: [RowCitation] = []
            let range = StoryRange(sinceNs: statement.sinceUs * 1000, untilNs: statement.untilUs * 1000)
            try archive.forEach(statement.filter, in: range) { row in
                found.append(row.citation)
                return true
            }
            #expect(!statement.rows.isEmpty)
            #expect(Set(found).isSuperset(of: statement.rows), "\(statement.text): \(statement.filter)")
            #expect(found.count >= statement.rowCount)
        }
    }

    @Test("names that processes chose cannot reach the terminal, nor break a query")
    func hostile() throws {
        let name = "a\u{1b}[2J'\"\\\u{202e}"
        let rows = [
            death(["signal_source": .string("kill"), "sender_pid": .int(99), "sender_comm": .string(name)]),
            mine("dns_timeout", 5, ["dns_name": .string(name), "dst_addr": .string(name)]),
            mine("syscall_failed", 5, ["syscall": .string(name), "errno": .int(2), "error": .string(name)]),
            mine("tcp_failed", 5, ["dst_addr": .string(name), "errno": .int(111), "dst_name": .string(name)]),
            mine("block_error", 5, ["device": .string(name), "io_operation": .string(name), "errno": .int(5)]),
        ]
        let archive = Story.archive(Story.life(10, name, from: 1, to: 9, code: 1) + rows)
        for subject in [Self.me, .comm(name)] {
            for statement in try Explanation(subject, in: archive, range: StoryRange()).statements {
                #expect(statement.text.unicodeScalars.allSatisfy { !TerminalText.isUnsafe($0) }, "\(statement.rule)")
                #expect(throws: Never.self) {
                    try archive.forEach(statement.filter, in: StoryRange()) { _ in true }
                }
            }
        }
    }

    @Test("many rows of many sorts take no more room than a few, and are counted")
    func bounded() throws {
        let many = (0..<5000).map { index in
            mine(
                "tcp_failed",
                2 + Double(index) / 1e6,
                ["dst_addr": .string("10.0.\(index / 250).\(index % 250)"), "errno": .int(111)]
            )
        }
        let statements = try explain(Self.me, Story.life(10, "api", from: 1, to: 9) + many).statements
        #expect(statements.count <= 10)
    }
}
