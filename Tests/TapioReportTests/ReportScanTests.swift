import TapioEvents
import TapioQuery
import Testing

@testable import TapioReport

@Suite("A report's scan") struct ReportScanTests {
    private func report(
        _ segments: [SegmentSource],
        sinceNs: Int64? = nil,
        untilNs: Int64? = nil,
        warnings: [String] = []
    ) -> ReportData {
        ReportScan.report(
            ReportScan.Request(title: "t", archive: "a", madeBy: "m", sinceNs: sinceNs, untilNs: untilNs),
            segments: segments,
            warnings: warnings
        )
    }

    private let hour = HostileHour.rows

    private func rows(_ kind: String) -> [Row] { hour.filter { $0["kind"] == .string(kind) } }

    @Test("counts rows and the events that they stand for, by kind and by bucket")
    func counts() throws {
        let data = report([RowsInMemory.segment([RowsInMemory(hour)])])
        let connects = try #require(data.kinds.first { $0.name == "tcp_connect" })
        #expect(connects.rows == 3600)
        #expect(connects.events == 1800 + 1800 * 4)
        #expect(connects.sampledRows == 1800)
        #expect(!data.kinds.contains { $0.name == "_ledger" })
        #expect(data.reading.rows == hour.count - rows("_ledger").count)
        #expect(data.kinds.map(\.events) == data.kinds.map(\.events).sorted(by: >))
        let time = try #require(data.time)
        #expect(time.buckets <= 600 && time.bucketUs == 10_000_000)
        for series in data.rates { #expect(series.values.count == time.buckets) }
        #expect(data.rates.reduce(0) { $0 + $1.values.reduce(0, +) } == data.reading.events)
        #expect(data.nodes == ["n1"])
    }

    @Test("events that were merged are drawn from their first to their last, and none beyond what is covered")
    func merged() throws {
        let last: (Double) -> EventValue = { .timestamp(HostileHour.startUs + Int64($0 * 1e6)) }
        let rows = [
            HostileHour.event("process_exec", second: 0, "a"),
            // Forty events in 40 s; hundred of which half lie behind the end; of one time; of a time that cannot be.
            HostileHour.event(
                "run_queue_wait",
                second: 100,
                "b",
                ["weight": .double(40), "agg_count": .int(40), "agg_last": last(140)]
            ),
            HostileHour.event(
                "major_fault",
                second: 1189,
                "b",
                ["weight": .double(100), "agg_count": .int(100), "agg_last": last(1209)]
            ),
            HostileHour.event(
                "major_fault",
                second: 50,
                "b",
                ["weight": .double(7), "agg_count": .int(7), "agg_last": last(50)]
            ),
            HostileHour.event(
                "major_fault",
                second: 60,
                "b",
                ["weight": .double(3), "agg_count": .int(3), "agg_last": last(-5)]
            ),
            HostileHour.event("process_exec", second: 1199, "a"),
        ]
        let data = report([RowsInMemory.segment([RowsInMemory(rows)])])
        let time = try #require(data.time)
        #expect(time.bucketUs == 2_000_000)
        let waits = try #require(data.rates.first { $0.name == "run_queue_wait" }).values
        #expect(waits[50..<70].allSatisfy { abs($0 - 2) < 1e-3 })
        #expect(abs(waits.reduce(0, +) - 40) < 1e-3)
        let faults = try #require(data.rates.first { $0.name == "major_fault" }).values
        #expect(faults[25] == 7 && faults[30] == 3)
        #expect(faults[590...].map { ($0 * 10).rounded() / 10 } == [0, 0, 0, 0, 5, 10, 10, 10, 10, 5])
        #expect(abs(faults.reduce(0, +) - 60) < 1e-2)
        #expect(data.kinds.first { $0.name == "major_fault" }?.events == 110)
    }

    @Test("the same whether rows lie in one row group or in many, in any order")
    func arrangement() {
        let one = report([RowsInMemory.segment([RowsInMemory(hour)])])
        var segments: [SegmentSource] = []
        for start in stride(from: 0, to: hour.count, by: 1000) {
            segments.append(RowsInMemory.segment([RowsInMemory(Array(hour[start..<min(start + 1000, hour.count)]))]))
        }
        var many = report(segments.reversed())
        many.reading.segments = one.reading.segments
        many.reading.bytes = one.reading.bytes
        // By kind of the order in which they came.
        #expect(many.kinds == one.kinds)
        #expect(many.rates == one.rates)
        #expect(many.ledger == one.ledger)
        #expect(many.gaps == one.gaps)
        #expect(many.processes == one.processes)
        #expect(many.peers == one.peers)
        #expect(many.syscalls == one.syscalls)
        #expect(many.deaths == one.deaths)
        #expect(many.timeline == one.timeline)
        #expect(many.latencies == one.latencies)
    }

    @Test("latencies over time are within 6.25 % of the exact ones, and weighted")
    func latencies() throws {
        let data = report([RowsInMemory.segment([RowsInMemory(hour)])])
        let latency = try #require(data.latencies.first { $0.kind == "tcp_connect" })
        #expect(latency.measure == "latency_ns")
        // The sixth of ten values of the first bucket is 60 us; the median the fifth.
        let median = try #require(latency.p50[0])
        #expect(median >= 50_000 && median <= 53_125)
        #expect(latency.maximum[0] == 100_000)
        #expect(latency.counts[0] == 10)
        #expect(latency.counts[300] == 40)
        // A row of weight four is one sample.
        #expect(latency.samples[0] == 10 && latency.samples[300] == 10)
        let exits = try #require(data.latencies.first { $0.kind == "process_exit" })
        #expect(exits.measure == "duration_ns")
        // The life of a process is no request.
        #expect(!data.slow.items.contains { $0.kind == "process_exit" || $0.kind == "tcp_close" })
        #expect(data.slow.items.first?.latencyNs == 36_000_000)
        #expect(data.slow.items.count == 25 + 1 + 1)
    }

    @Test("losses and sampling stand where they happened")
    func losses() throws {
        let data = report([RowsInMemory.segment([RowsInMemory(hour)])])
        #expect(data.ledger.isThere)
        let time = try #require(data.time)
        let bucket = Int((HostileHour.startUs + 1_195_000_000 - time.fromUs) / time.bucketUs)
        #expect(data.ledger.lost.indices.filter { data.ledger.lost[$0] > 0 } == [bucket])
        #expect(data.ledger.lost[bucket] == 7)
        // Nothing tells of the last ten seconds: the interval that would is not written yet.
        #expect(data.ledger.covered.count == time.buckets)
        #expect(data.ledger.covered.indices.filter { !data.ledger.covered[$0] } == [time.buckets - 1])
        #expect(data.ledger.sampledOut[..<179].allSatisfy { $0 == 0 })
        #expect(data.ledger.totals["sampled_out"] == 5400)
        #expect(data.gaps.items.map(\.reason) == ["ring_full", "unclean_shutdown"])
        #expect(data.gaps.items.map(\.count) == [7, nil])
        #expect(data.agent.items.map(\.entry) == ["start", "unclean_shutdown"])
    }

    @Test("tables tell who, what and how often")
    func tables() throws {
        let data = report([RowsInMemory.segment([RowsInMemory(hour)])])
        #expect(data.syscalls.items.reduce(0) { $0 + $1.count } == 720)
        #expect(data.processes.items.reduce(0) { $0 + $1.events } == data.reading.events)
        #expect(data.processes.items.reduce(0) { $0 + $1.bytesReceived } == 720 * 2000)
        #expect(data.processes.items.reduce(0) { $0 + $1.failedCalls } == 720)
        let database = try #require(data.peers.items.first { $0.name == "<b>db</b>.example" })
        #expect(database.bytesSent == 720_000 && database.port == 443 && database.direction == "outbound")
        #expect(data.peers.items.reduce(0) { $0 + $1.connections } == 9000)
        #expect(data.failedConnections.items.map(\.error) == ["ECONNREFUSED"])
        #expect(data.failedConnections.items.first?.peer == "10.0.0.9 port 5432")
        #expect(Set(data.dns.items.map(\.trouble)) == ["timeout", "NXDOMAIN"])
        #expect(data.deaths.items.map(\.kind) == ["oom_kill", "signal_death"])
        #expect(data.deaths.items.last?.signal == 11)
        #expect(data.signalDeaths == ReportData.SignalDeaths(kind: "signal_death", rows: 1, events: 1))
        #expect(data.timeline.items.count == 300 && data.timeline.total == 3600)
        #expect(data.timeline.items.contains { $0.exitCode == 1 && $0.endUs != nil })
        #expect(data.timeline.items.contains { $0.endUs == nil && $0.exe.hasPrefix("/bin/") })
    }

    @Test("deaths by a signal are counted by weight, of signal_death where that is, else of process_exit")
    func signalDeaths() {
        func dead(_ kind: String, second: Double, weight: Double, signal: Int64 = 9) -> Row {
            HostileHour.event(kind, second: second, "a", ["signal": .int(signal), "weight": .double(weight)])
        }
        let exits = [
            dead("process_exit", second: 1, weight: 4), dead("process_exit", second: 2, weight: 1),
            dead("process_exit", second: 3, weight: 8, signal: 0),
        ]
        // The kernel's choice of a victim is no part of it, however many rows it stands for.
        let oomKills = [dead("oom_kill", second: 1, weight: 3), dead("oom_kill", second: 2, weight: 3)]
        func counted(_ rows: [Row]) -> ReportData.SignalDeaths {
            report([RowsInMemory.segment([RowsInMemory(rows)])]).signalDeaths
        }
        #expect(
            counted(exits + oomKills) == ReportData.SignalDeaths(kind: "process_exit", rows: 2, events: 5)
        )
        let deaths = [dead("signal_death", second: 1, weight: 2)]
        #expect(
            counted(exits + oomKills + deaths) == ReportData.SignalDeaths(kind: "signal_death", rows: 1, events: 2)
        )
        #expect(counted(oomKills) == ReportData.SignalDeaths())
    }

    @Test("--since and --until bound everything, to the microsecond")
    func range() throws {
        let since = (HostileHour.startUs + 600_000_000) * 1000
        let until = (HostileHour.startUs + 660_000_000) * 1000
        let data = report([RowsInMemory.segment([RowsInMemory(hour)])], sinceNs: since, untilNs: until)
        #expect(data.kinds.first { $0.name == "tcp_connect" }?.rows == 60)
        #expect(data.kinds.allSatisfy { $0.firstUs >= since / 1000 && $0.lastUs < until / 1000 })
        #expect(try #require(data.time).buckets <= 600)
        #expect(data.gaps.items.isEmpty)
        #expect(data.ledger.totals["attempted"] == 600)
        let nothing = report([RowsInMemory.segment([RowsInMemory(hour)])], sinceNs: until + Int64(1e15))
        #expect(nothing.time == nil && nothing.kinds.isEmpty)
    }

    @Test("of the first and last bucket is told what is covered, by rows and by the ledger; nothing outside counts")
    func partialBuckets() throws {
        // Buckets of 5 s: three seconds of the first are covered, and one of the last.
        let since = HostileHour.startUs + 602_000_000
        let until = HostileHour.startUs + 2_401_000_000
        let data = report([RowsInMemory.segment([RowsInMemory(hour)])], sinceNs: since * 1000, untilNs: until * 1000)
        let time = try #require(data.time)
        #expect(time.bucketUs == 5_000_000 && time.fromUs == since - 2_000_000 && time.toUs == until + 4_000_000)
        #expect(time.coveredFromUs == since && time.coveredToUs == until)
        #expect(data.ledger.fromUs == since && data.ledger.toUs == until)
        // Ten a second.
        let attempted = data.ledger.attempted.map { $0.rounded() }
        #expect(attempted.first == 30 && attempted.last == 10)
        #expect(attempted[1..<(time.buckets - 1)].allSatisfy { $0 == 50 })
        #expect(data.ledger.totals["attempted"]?.rounded() == 17_990)
        let connects = try #require(data.rates.first { $0.name == "tcp_connect" })
        #expect(connects.values.first == 3 && connects.values.last == 4)

        // Without bounds it is from the first row to the last.
        let part = report([RowsInMemory.segment([RowsInMemory(hour.filter { $0["kind"] == .string("tcp_connect") })])])
        let whole = try #require(part.time)
        #expect(whole.coveredFromUs == HostileHour.startUs && whole.coveredToUs == HostileHour.startUs + 3_599_000_001)
        #expect(whole.toUs == HostileHour.startUs + 3_600_000_000)
        #expect(!part.ledger.isThere && part.ledger.fromUs == 0 && part.ledger.toUs == 0)
    }

    @Test("a damaged row group is left out as a whole, named and counted; the rest is there")
    func damage() {
        let good = RowsInMemory(Array(hour[..<1000]), name: "good")
        let bad = RowsInMemory(Array(hour[1000..<2000]), name: "bad", damagedColumn: "comm")
        let segments = [
            RowsInMemory.segment([good, bad], damage: [Damage(place: "segment", reason: "cut short")]),
            SegmentSource(name: "gone", byteCount: 5) { _ in throw RowsInMemory.Broken() },
        ]
        let data = report(segments, warnings: ["x: no segment"])
        #expect(data.reading.damageCount == 3)
        #expect(data.reading.damage.contains { $0.hasPrefix("bad, 1,000 rows") })
        #expect(data.reading.rowsInDamage == 1000)
        #expect(
            data.reading.notes == [
                "incomplete: 3 damaged parts were skipped, at least 1,000 rows", "  segment: cut short",
                "  bad, 1,000 rows: checksum does not match", "  gone: checksum does not match",
            ]
        )
        #expect(data.reading.warningCount == 1 && data.reading.isIncomplete)
        let alone = report([RowsInMemory.segment([good])])
        #expect(data.kinds == alone.kinds)
        #expect(data.processes == alone.processes)
    }

    @Test("time of which neither rows nor the ledger tell is told apart from time in which nothing happened")
    func silence() throws {
        let names: Row = ["ledger_kind": .string("tcp_connect"), "ledger_attempted": .int(3)]
        let rows = [
            HostileHour.event("tcp_connect", second: 5, "a"), HostileHour.ledger(second: 10, "interval", names),
            // The agent was away for half an hour.
            HostileHour.ledger(second: 1810, "interval", names), HostileHour.event("tcp_connect", second: 1809, "a"),
        ]
        let data = report([RowsInMemory.segment([RowsInMemory(rows)])])
        let time = try #require(data.time)
        let told = data.ledger.covered.indices.filter { data.ledger.covered[$0] }.map {
            (time.fromUs + Int64($0) * time.bucketUs - HostileHour.startUs) / 1_000_000
        }
        #expect(told == [5, 1800, 1805])
        #expect(data.rates.first?.values.reduce(0, +) == 2)
    }

    @Test("one damaged part is one; more than can be named are counted; damage beside the rows is no loss")
    func wordsOfDamage() throws {
        let good = RowsInMemory(Array(hour[..<10]))
        func page(_ damage: [Damage]) throws -> (notes: [String], summary: Substring) {
            let data = report([RowsInMemory.segment([good], damage: damage)])
            let text = try ReportPage.html(data)
            // What stands there without a script: the script has words of its own.
            let end = try #require(text.firstRange(of: "id=\"data\"")).lowerBound
            return (data.reading.notes, text[..<end])
        }
        let one = try page([Damage(place: "a.parquet", reason: "at byte 5: checksum does not match", rows: 1)])
        #expect(
            one.notes == [
                "incomplete: 1 damaged part was skipped, at least 1 row",
                "  a.parquet, 1 row: at byte 5: checksum does not match",
            ]
        )
        #expect(one.summary.contains("This report is incomplete"))
        for note in one.notes { #expect(one.summary.contains("<li>\(note)</li>")) }

        let many = try page((0..<102).map { Damage(place: "\($0).parquet", reason: "cut off") })
        #expect(many.notes.count == 102 && many.notes.last == "  and 2 more")
        #expect(many.notes.first == "incomplete: 102 damaged parts were skipped")
        #expect(many.summary.contains("<li>  and 2 more</li>"))

        let harmless = try page([Damage(place: "a.parquet", reason: "no footer", rows: 0)])
        #expect(harmless.notes == ["damaged: 1 segment, of which no row is missing", "  a.parquet: no footer"])
        #expect(harmless.summary.contains("The archive is damaged") && !harmless.summary.contains("is incomplete"))
        #expect(try page([]).notes.isEmpty)
    }

    @Test("no segment, no row, no column that it knows: a report without events")
    func nothing() throws {
        #expect(report([]).time == nil)
        #expect(report([RowsInMemory.segment([RowsInMemory([])])]).kinds.isEmpty)
        let foreign = report([RowsInMemory.segment([RowsInMemory([["a": .int(1)]])])])
        #expect(foreign.kinds.isEmpty)
        for data in [report([]), foreign] {
            #expect(try ReportPage.html(data).contains("There is no event in this archive"))
        }
    }

    @Test("times and numbers that cannot be do not stop it")
    func impossible() throws {
        var rows: [Row] = []
        for value in [Int64.min, -1, 0, 1, .max] {
            rows.append(
                HostileHour.event(
                    "tcp_failed",
                    second: 0,
                    "x",
                    [
                        "ts": .timestamp(value), "latency_ns": .int(value), "errno": .int(value),
                        "dst_port": .int(value),
                        "pid": .int(value), "weight": .double(value == 0 ? .nan : Double(value)),
                        "agg_count": .int(value),
                        "start_ts": .timestamp(value), "agg_max": .int(value), "agg_histogram": .string("9:9"),
                    ]
                )
            )
            rows.append(
                HostileHour.event(
                    "process_exit",
                    second: 0,
                    "x",
                    ["ts": .timestamp(value), "duration_ns": .int(value)]
                )
            )
            rows.append(
                HostileHour.ledger(
                    second: 0,
                    "interval",
                    [
                        "ledger_from": .timestamp(value), "ledger_to": .timestamp(0), "ledger_ring_full": .int(value),
                    ]
                )
            )
            rows.append(
                HostileHour.ledger(second: 0, "gap", ["ledger_from": .timestamp(value), "ledger_count": .int(value)])
            )
            rows.append(
                HostileHour.event("oom_kill", second: 0, "x", ["limit_bytes": .int(value), "usage_bytes": .int(value)])
            )
        }
        let data = report([RowsInMemory.segment([RowsInMemory(rows)])])
        #expect(data.reading.damageCount == 0)
        #expect(try ReportPage.html(data).hasSuffix("</html>\n"))
    }
}
