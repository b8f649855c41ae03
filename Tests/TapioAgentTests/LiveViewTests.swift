import TapioEvents
import Testing

@testable import TapioAgent

@Suite("The live view") struct LiveViewTests {
    /// Two snapshots one second apart, as busy as it gets, with hostile text wherever a stranger may put some.
    private func frame(hostile: String = "") -> LiveFrame {
        var before = StatusReport()
        before.node = "node-a" + hostile
        before.startedAt = 1_700_000_000_000_000
        before.takenAt = before.startedAt + 60_000_000
        before.process.userSeconds = 1
        before.archive.path = "/var/lib/tapio" + hostile
        before.archive.openSegment = "1700000000000000-0a1b2c3d-1.parquet.part" + hostile
        before.archive.rowsWritten = 1000
        before.archive.bytesWritten = 12_800
        before.pipeline.fullestRing = 0.9
        before.pipeline.batchBytesLimit = 32 << 20
        before.pipeline.latencyP50Ns = 600_000
        before.pipeline.latencyP99Ns = 2_100_000
        before.health.isHealthy = false
        before.health.problems = ["the ledger does not close" + hostile]
        before.collectors = [
            .init(name: "process", state: "running", since: 0),
            .init(name: "network" + hostile, state: "failed", since: 0, error: "no such tracepoint" + hostile),
        ]
        for number in 0..<30 {
            var counts = LedgerEntry()
            counts.attempted = UInt64(number) * 1_000_000
            counts.archived = counts.attempted
            before.ledger.append(
                .init(
                    kind: "kind_\(number)" + hostile,
                    collector: "process",
                    priority: "critical",
                    counts: counts,
                    inFlight: 0,
                    violations: []
                )
            )
        }
        var now = before
        now.takenAt += 1_000_000
        now.process.userSeconds += 0.25
        now.ledger[29].counts.attempted += 12_345
        now.ledger[29].counts.ringFull += 7
        var frame = LiveFrame(now: now, before: before)
        frame.notable = (0..<20).map { number in
            DecodedEvent(values: [
                (Column(3, "kind", .string, ""), .string("process_exec")),
                (Column(200, "exe", .string, ""), .string("/bin/\(number)" + hostile)),
            ])
        }
        return frame
    }

    @Test(
        "no line is wider and no frame higher than the terminal",
        arguments: [(80, 24), (200, 60), (40, 10), (20, 3), (1, 1), (132, 43)],
        [false, true]
    )
    func fits(size: (Int, Int), usesColour: Bool) {
        var frame = frame(hostile: "\u{1b}[2J\u{202e}漢字\n\t")
        frame.usesColour = usesColour
        let lines = frame.lines(TerminalSize(columns: size.0, rows: size.1))
        #expect(lines.count <= max(1, size.1 - 1))
        for line in lines {
            let plain = line.replacing(/\u{1b}\[[0-9]*m/, with: "")
            #expect(TerminalText.width(of: plain) <= size.0, "\(plain)")
            #expect(!plain.unicodeScalars.contains(where: TerminalText.isUnsafe), "\(plain.debugDescription)")
        }
    }

    @Test("a small terminal still shows health, rings and what is wrong")
    func small() {
        let lines = frame().lines(TerminalSize(columns: 80, rows: 24))
        #expect(lines[0].contains("tapio \(TapioVersion.current) on node-a"))
        #expect(lines[0].contains("not well"))
        #expect(lines.contains { $0.contains("rings") && $0.contains("90 %") })
        #expect(lines.contains { $0.contains("the ledger does not close") })
        #expect(lines.contains { $0.contains("network: no such tracepoint") })
    }

    @Test("the busiest kind comes first, with its rate and losses")
    func rates() throws {
        let lines = frame().lines(TerminalSize(columns: 80, rows: 24))
        let row = try #require(lines.first { $0.contains("kind_29") })
        #expect(row.contains("12,345"))
        #expect(row.hasSuffix(" 7"))
        let all = try #require(lines.firstIndex { $0.hasPrefix("  all ") })
        #expect(lines[all + 1] == row)
    }

    @Test("a large terminal has room for the notable events, the newest last")
    func large() {
        let lines = frame().lines(TerminalSize(columns: 200, rows: 60))
        #expect(lines.last?.hasSuffix("/bin/19") == true)
        #expect(lines.contains { $0.contains("kind_0 ") })
    }

    @Test("the first frame, without a past, shows no rates and does not divide by zero")
    func first() {
        var frame = frame()
        frame.before = nil
        #expect(frame.lines(TerminalSize(columns: 80, rows: 24)).contains { $0.contains("kind_29") })
        frame.before = frame.now
        _ = frame.lines(TerminalSize(columns: 80, rows: 24))
        #expect(
            LiveFrame(now: StatusReport()).lines(TerminalSize(columns: 80, rows: 24)).contains {
                $0.contains("nothing")
            }
        )
    }

    @Test("nonsense figures are shown, not trapped on")
    func nonsense() {
        var frame = frame()
        frame.now.pipeline.fullestRing = .nan
        frame.now.archive.bytesOnDisk = .min
        frame.now.takenAt = .min
        frame.now.startedAt = .max
        frame.now.ledger[0].counts.attempted = .max
        frame.now.pipeline.latencyP99Ns = .max
        #expect(!frame.lines(TerminalSize(columns: 80, rows: 24)).isEmpty)
    }

    @Test("colours appear only where they are wanted")
    func colours() {
        var frame = frame()
        let size = TerminalSize(columns: 100, rows: 40)
        #expect(!frame.lines(size).joined().contains("\u{1b}"))
        let plain = frame.lines(size)
        frame.usesColour = true
        #expect(frame.lines(size).joined().contains("\u{1b}["))
        #expect(frame.lines(size).map { $0.replacing(/\u{1b}\[[0-9]*m/, with: "") } == plain)
    }

    @Test("a redraw goes up by the rows that were drawn, and by more after the terminal became narrower")
    func redraw() {
        var screen = LiveScreen()
        let size = TerminalSize(columns: 80, rows: 24)
        #expect(screen.draw(["a", "b"], widths: [80, 10], size: size) == "a\u{1b}[K\nb\u{1b}[K\n")
        #expect(screen.draw(["c"], widths: [1], size: size).hasPrefix("\u{1b}[2A\r\u{1b}[J"))
        _ = screen.draw(["d", "e"], widths: [80, 10], size: size)
        #expect(screen.erase(columns: 40).hasPrefix("\u{1b}[3A"))
        #expect(screen.erase(columns: 40) == "")
    }

    @Test("notable lines are bounded: the oldest go")
    func notableEvents() {
        let notable = NotableEvents()
        for number in 0..<200 {
            notable.add(DecodedEvent(values: [(Column(6, "pid", .int32, ""), .int(Int64(number)))]))
        }
        #expect(notable.events.count == NotableEvents.limit)
        #expect(notable.events.last?["pid"] == .int(199))
    }

    @Test("a bar is always as wide as was asked", arguments: [-1, 0, 0.001, 0.33, 0.5, 0.999, 1, 7, .nan, .infinity])
    func bar(fraction: Double) {
        #expect(ProgressBar(fraction: fraction, columns: 24).text.count == 24)
    }
}
