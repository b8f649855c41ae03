import TapioEvents
import Testing

@testable import TapioQuery

/// Builds the segments of a run as an agent writes them.
private struct RunBuilder {
    var segments: [SegmentSource] = []
    private var rows: [Row] = []
    private var ts: Int64 = 1_700_000_000_000_000
    private var sequence: Int64 = 0

    mutating func ledger(
        _ entry: String,
        _ kind: String? = nil,
        reason: String? = nil,
        from: Int64? = nil,
        _ counts: [String: Int64] = [:]
    ) {
        ts += 1000
        sequence += 1
        var row: Row = [
            "kind": .string("_ledger"), "ts": .timestamp(ts), "ts_sub_ns": .int(0), "seq": .int(sequence),
            "weight": .double(0),
            "ledger_entry": .string(entry), "ledger_from": .timestamp(from ?? ts - 1000),
            "ledger_to": .timestamp(from ?? ts),
        ]
        row["ledger_kind"] = kind.map { .string($0) }
        row["ledger_reason"] = reason.map { .string($0) }
        for (name, count) in counts { row["ledger_\(name)"] = .int(count) }
        rows.append(row)
    }

    mutating func events(_ count: Int, _ kind: String = "tcp_close") {
        for _ in 0..<count {
            ts += 1
            rows.append(["kind": .string(kind), "ts": .timestamp(ts), "weight": .double(1)])
        }
    }

    /// Rows that chance kept, each with the weight of those that it left out.
    mutating func sampled(_ count: Int, weight: Double, pids: Int = 1_000_000, _ kind: String = "tcp_close") {
        for number in 0..<count {
            ts += 1
            rows.append([
                "kind": .string(kind), "ts": .timestamp(ts), "weight": .double(weight),
                "pid": .int(Int64(number % pids)),
            ])
        }
    }

    /// A summary row.
    mutating func summary(of count: Int64, weight: Double? = nil, _ kind: String = "tcp_close") {
        ts += 1
        rows.append([
            "kind": .string(kind), "ts": .timestamp(ts), "weight": .double(weight ?? Double(count)),
            "agg_count": .int(count), "pid": .int(0),
        ])
    }

    /// Events of a kind that all reach the archive, and the row that says so.
    mutating func interval(_ count: Int, _ kind: String = "tcp_close", inFlight: Int64 = 0, before: Int64 = 0) {
        events(count, kind)
        let archived = Int64(count)
        ledger(
            "interval",
            kind,
            ["attempted": archived + inFlight - before, "archived": archived, "in_flight": inFlight]
        )
    }

    mutating func seal(isRecovered: Bool = false, isOpen: Bool = false, isDamaged: Bool = false) {
        let number = segments.count
        // Two groups; rows of the ledger stand in both.
        let half = rows.count / 2
        var groups = [Array(rows[..<half]), Array(rows[half...])].map {
            MemoryArchive.group($0, name: "\(number).parquet row group")
        }
        if isDamaged { groups[0].isDamaged = true }
        segments.append(
            MemoryArchive.segment(
                groups,
                rows: rows,
                name: "\(number).parquet",
                isRecovered: isRecovered,
                isOpen: isOpen,
                sequence: UInt64(number)
            )
        )
        rows = []
    }
}

@Suite("The ledger's proof")
struct LedgerVerifierTests {
    private func problems(_ run: RunBuilder) -> [String] {
        LedgerVerifier.verify(run.segments.shuffled()).findings.filter { $0.severity == .problem }.map(\.description)
    }

    /// Two segments of a whole run with every kind of loss.
    private func goodRun() -> RunBuilder {
        var run = RunBuilder()
        run.ledger("start")
        run.interval(10, inFlight: 3)
        run.interval(5, "process_exec")
        run.seal()
        run.interval(20, inFlight: 0, before: 3)
        run.sampled(4, weight: 2)
        run.summary(of: 20, weight: 36)
        run.summary(of: 5)
        run.ledger(
            "interval",
            "tcp_close",
            [
                "attempted": 100, "filtered": 10, "sampled_out": 20, "ring_full": 30, "malformed": 1, "aggregated": 25,
                "shed": 6,
                "failed": 4, "archived": 4, "in_flight": 0,
            ]
        )
        run.ledger("gap", "tcp_close", reason: "ring_full", ["count": 12])
        run.ledger("gap", "tcp_close", reason: "ring_full", ["count": 18])
        run.ledger("gap", "tcp_close", reason: "too_short", ["count": 1])
        run.ledger("gap", "tcp_close", reason: "backlog", ["count": 6])
        run.ledger("gap", "tcp_close", reason: "no_space", ["count": 4])
        run.ledger("stop")
        run.seal()
        return run
    }

    @Test("a whole run is proven")
    func good() {
        let verdict = LedgerVerifier.verify(goodRun().segments)
        #expect(verdict.isProven, "\(verdict.findings)")
        #expect(verdict.exitCode == 0)
        #expect(verdict.rows == 41)
        #expect(verdict.aggregated == 25)
        #expect(verdict.archived == 39)
        #expect(verdict.lost == 41)
        #expect(verdict.runs == 1)
        #expect(verdict.summary == "proven: 2 segments, 1 runs, 41 rows, 41 lost")
        #expect(verdict.findings.map(\.severity) == [.ok, .ok, .ok, .ok])
        #expect(verdict.findings.map(\.check) == [.segmentRows, .segmentRows, .weights, .runBalance])
        // 30 + 29 rows and merged events and 20 sampled out; by weight 30 + 8 + 36 + 5.
        #expect(verdict.findings[2].message.hasPrefix("79 events, 79 by weight, 0 σ"))
    }

    @Test("summaries are held against what the ledger calls aggregated, not against rows")
    func summaries() {
        var run = RunBuilder()
        run.ledger("start")
        run.events(2)
        run.summary(of: 7)
        run.ledger("interval", "tcp_close", ["attempted": 9, "archived": 2, "aggregated": 7, "in_flight": 0])
        run.seal()
        run.events(2)
        run.summary(of: 6)
        run.ledger("interval", "tcp_close", ["attempted": 9, "archived": 2, "aggregated": 7, "in_flight": 0])
        run.ledger("stop")
        run.seal()
        #expect(
            problems(run) == [
                "problem: 1.parquet: tcp_close: the ledger says 7 events in summaries, there are 6 (-1)"
            ]
        )
    }

    /// A run in which chance kept each of some events with probability p.
    private func sampledRun(
        _ events: Int,
        p: Double,
        weight: Double? = nil
    ) -> RunBuilder {
        let kept = (0..<events).count { _ in Double.random(in: 0..<1) < p }
        var run = RunBuilder()
        run.ledger("start")
        run.sampled(kept - kept / 3, weight: weight ?? 1 / p)
        // Some of those that were kept are merged.
        if kept / 3 > 0 { run.summary(of: Int64(kept / 3), weight: Double(kept / 3) * (weight ?? 1 / p)) }
        let counts = [
            "attempted": events, "sampled_out": events - kept, "archived": kept - kept / 3, "aggregated": kept / 3,
        ]
        run.ledger("interval", "tcp_close", counts.mapValues { Int64($0) })
        run.ledger("stop")
        run.seal()
        return run
    }

    @Test("what chance kept adds up within six standard errors", arguments: [0.5, 0.1, 0.01, 0.001])
    func sampled(p: Double) {
        for _ in 0..<5 {
            let verdict = LedgerVerifier.verify(sampledRun(4000, p: p).segments)
            #expect(verdict.isProven, "\(verdict.findings)")
            #expect(verdict.findings.contains { $0.check == .weights && $0.severity != .problem })
        }
    }

    @Test("weights that are not those of the sampling are found")
    func wrongWeights() {
        // Kept one in ten, and said that it was one in five. Summaries could hide it if their processes were sampled whole.
        let run = sampledRun(20_000, p: 0.1, weight: 5)
        let found = LedgerVerifier.verify(run.segments).findings.filter { $0.check == .weights }
        #expect(found.map(\.severity) != [.ok], "\(found)")
        var alone = RunBuilder()
        alone.ledger("start")
        alone.sampled(2000, weight: 5)
        alone.ledger(
            "interval",
            "tcp_close",
            ["attempted": 20_000, "sampled_out": 18_000, "archived": 2000, "in_flight": 0]
        )
        alone.ledger("stop")
        alone.seal()
        let problems = problems(alone)
        #expect(problems.count == 1 && problems[0].contains("20,000 events, 10,000 by weight"), "\(problems)")
    }

    @Test("where whole processes may have been left out, a great difference is a note")
    func processes() {
        var run = RunBuilder()
        run.ledger("start")
        // A hundred processes of 200 events each; one in ten was to be kept, fourteen were.
        run.sampled(2800, weight: 10, pids: 14)
        run.ledger(
            "interval",
            "tcp_close",
            ["attempted": 20_000, "sampled_out": 17_200, "archived": 2800, "in_flight": 0]
        )
        run.ledger("stop")
        run.seal()
        let found = LedgerVerifier.verify(run.segments).findings.filter { $0.check == .weights }
        #expect(found.map(\.severity) == [.note], "\(found)")
    }

    @Test("what was lost after the sampling is on neither side, and lets the estimate be too small only")
    func sampledAndLost() {
        func run(weight: Double) -> RunBuilder {
            var run = RunBuilder()
            run.ledger("start")
            // Of 2000 that were kept, half were lost: they would have stood for as many as the others.
            run.sampled(1000, weight: weight)
            run.ledger(
                "interval",
                "tcp_close",
                ["attempted": 20_000, "sampled_out": 18_000, "ring_full": 1000, "archived": 1000, "in_flight": 0]
            )
            run.ledger("gap", "tcp_close", reason: "ring_full", ["count": 1000])
            run.ledger("stop")
            run.seal()
            return run
        }
        #expect(problems(run(weight: 10)) == [])
        #expect(problems(run(weight: 30)).count == 1)
        #expect(problems(run(weight: 2)).count == 1)
    }

    @Test("events that are counted only are a gap with their exact number, and no weight has to stand for them")
    func countedOnly() {
        func run(tells: Int, weight: Double) -> RunBuilder {
            var run = RunBuilder()
            run.ledger("start")
            run.sampled(1000, weight: weight)
            run.ledger(
                "interval",
                "tcp_close",
                ["attempted": 100_000, "sampled_out": 99_000, "archived": 1000, "in_flight": 0]
            )
            if tells > 0 { run.ledger("gap", "tcp_close", reason: "counted_only", ["count": Int64(tells)]) }
            run.ledger("stop")
            run.seal()
            return run
        }
        #expect(problems(run(tells: 90_000, weight: 10)) == [])
        #expect(problems(run(tells: 0, weight: 10)).count == 1)
        #expect(problems(run(tells: 90_000, weight: 100)).count == 1)
    }

    @Test("without sampling the weights have to be exact")
    func unsampledWeights() {
        var run = RunBuilder()
        run.ledger("start")
        run.events(10)
        run.summary(of: 5, weight: 4)
        run.ledger("interval", "tcp_close", ["attempted": 15, "archived": 10, "aggregated": 5, "in_flight": 0])
        run.ledger("stop")
        run.seal()
        #expect(problems(run).count == 1)
    }

    @Test("missing rows are found, with segment and kind")
    func missing() {
        var run = RunBuilder()
        run.ledger("start")
        run.events(8)
        run.ledger("interval", "tcp_close", ["attempted": 10, "archived": 10, "in_flight": 0])
        run.interval(5, "process_exec")
        run.ledger("stop")
        run.seal()
        #expect(problems(run) == ["problem: 0.parquet: tcp_close: the ledger says 10 rows, there are 8 (-2)"])
        #expect(LedgerVerifier.verify(run.segments).exitCode == 1)
    }

    @Test("doubled rows and rows that nobody counted are found")
    func doubled() {
        var run = RunBuilder()
        run.ledger("start")
        run.interval(8)
        run.events(1)
        run.events(3, "process_exit")
        run.ledger("stop")
        run.seal()
        #expect(
            problems(run) == [
                "problem: 0.parquet: process_exit: the ledger says 0 rows, there are 3 (+3)",
                "problem: 0.parquet: tcp_close: the ledger says 8 rows, there are 9 (+1)",
            ]
        )
    }

    @Test("a missing segment in the middle shows in the balance of what was on its way")
    func missingSegment() {
        var run = RunBuilder()
        run.ledger("start")
        run.interval(10, inFlight: 3)
        run.seal()
        run.interval(20, inFlight: 1, before: 3)
        run.seal()
        run.interval(5, inFlight: 0, before: 1)
        run.ledger("stop")
        run.seal()
        #expect(problems(run).isEmpty)
        run.segments.remove(at: 1)
        #expect(problems(run).count == 1)
        #expect(problems(run)[0].contains("17 attempted, 15 accounted for (2 missing)"))
    }

    @Test("sums that do not hold are found")
    func brokenSums() {
        var run = RunBuilder()
        run.ledger("start")
        run.events(4)
        run.ledger("interval", "tcp_close", ["attempted": 10, "archived": 4, "ring_full": 5, "in_flight": 0])
        run.ledger("gap", "tcp_close", reason: "ring_full", ["count": 3])
        run.ledger("gap", "process_exec", reason: "unknown_kind", ["count": 2])
        run.ledger("stop")
        run.seal()
        let found = LedgerVerifier.verify(run.segments).findings.filter { $0.severity == .problem }
        #expect(found.map(\.check) == [.gaps, .runBalance, .gaps])
        #expect(found.map(\.expected) == [0, 10, 5])
        #expect(found.map(\.actual) == [2, 9, 3])
        #expect(
            found[2].json
                == #"{"severity":"problem","check":"gaps","place":"run from 2023-11-14T22:13:20.001000Z","kind":"tcp_close","expected":5,"actual":3,"message":"5 lost as ring_full, gap rows tell of 3"}"#
        )
    }

    @Test("events in flight after the stop are found")
    func inFlightAfterStop() {
        var run = RunBuilder()
        run.ledger("start")
        run.interval(4, inFlight: 2)
        run.ledger("stop")
        run.seal()
        #expect(problems(run).count == 1)
        #expect(problems(run)[0].contains("tcp_close: 2 in flight after the stop"))
    }

    @Test("a segment saved after a crash may hold more, if the crash is told")
    func recovered() {
        func run(tellsCrash: Bool) -> RunBuilder {
            var run = RunBuilder()
            run.ledger("start")
            run.interval(10)
            run.events(7)
            run.seal(isRecovered: true)
            run.ledger("start")
            if tellsCrash { run.ledger("unclean_shutdown", from: 1_700_000_000_000_500) }
            run.ledger("gap", "tcp_close", reason: "unclean_shutdown", from: 1_700_000_000_000_500, ["count": 3])
            run.interval(2)
            run.ledger("stop")
            run.seal()
            return run
        }
        let told = LedgerVerifier.verify(run(tellsCrash: true).segments)
        #expect(told.isProven, "\(told.findings)")
        #expect(told.runs == 2)
        #expect(told.findings.contains { $0.message == "recovered, 7 rows beyond the last ledger row" })
        let untold = LedgerVerifier.verify(run(tellsCrash: false).segments)
        #expect(!untold.isProven)
        #expect(untold.findings.contains { $0.message.hasSuffix("no unclean_shutdown row follows") })
    }

    @Test("a recovered segment with fewer rows than the ledger says is a problem")
    func recoveredButShort() {
        var run = RunBuilder()
        run.ledger("start")
        run.events(3)
        run.ledger("interval", "tcp_close", ["attempted": 4, "archived": 4, "in_flight": 0])
        run.seal(isRecovered: true)
        #expect(problems(run) == ["problem: 0.parquet: tcp_close: the ledger says 4 rows, there are 3 (-1)"])
    }

    @Test("where retention removed a run's begin, the check starts at what is there")
    func retention() {
        var run = goodRun()
        run.segments.removeFirst()
        let verdict = LedgerVerifier.verify(run.segments)
        #expect(verdict.isProven, "\(verdict.findings)")
        #expect(verdict.findings.contains { $0.message.hasSuffix("from its first segment that is still there") })
    }

    @Test("after a failed write a segment's last books may begin the next one, and only then")
    func failedWrite() {
        func run(tellsFailure: Bool) -> RunBuilder {
            var run = RunBuilder()
            run.ledger("start")
            run.interval(10)
            // The disk was full: these are there, but no row of the ledger found a place behind them.
            run.events(7)
            run.seal()
            run.ledger("interval", "tcp_close", ["attempted": 12, "archived": 7, "failed": 5, "in_flight": 0])
            if tellsFailure { run.ledger("gap", "tcp_close", reason: "noSpace", ["count": 5]) }
            run.interval(3)
            run.ledger("stop")
            run.seal()
            return run
        }
        #expect(problems(run(tellsFailure: true)) == [])
        let silent = problems(run(tellsFailure: false))
        #expect(silent.contains { $0.contains("10 rows, there are 17 (+7)") }, "\(silent)")
        #expect(silent.contains { $0.contains("10 rows, there are 3 (-7)") }, "\(silent)")
    }

    @Test("the segment that is being written may be ahead of its ledger")
    func open() {
        var run = RunBuilder()
        run.ledger("start")
        run.interval(10, inFlight: 5)
        run.events(5)
        run.seal(isOpen: true)
        let verdict = LedgerVerifier.verify(run.segments)
        #expect(verdict.isProven, "\(verdict.findings)")
        #expect(verdict.findings.contains { $0.message == "15 rows, still open, 5 of them since the last ledger row" })
    }

    @Test("damage is told as damage, and what follows from it is not called a broken ledger")
    func damage() {
        var run = goodRun()
        var broken = RunBuilder()
        broken.ledger("start")
        broken.interval(6)
        broken.interval(6)
        broken.ledger("stop")
        broken.seal(isDamaged: true)
        run.segments = broken.segments
        let verdict = LedgerVerifier.verify(run.segments)
        #expect(!verdict.isProven)
        #expect(verdict.exitCode == 3, "\(verdict.findings)")
    }

    @Test("an empty archive proves nothing and is not wrong")
    func empty() {
        #expect(LedgerVerifier.verify([]).isProven)
    }
}
