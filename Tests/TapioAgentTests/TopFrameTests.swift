import TapioEvents
import Testing

@testable import TapioAgent

@Suite("The screen of top") struct TopFrameTests {
    private static let hostile = "\u{1b}[2J\u{202e}漢字\n\t\u{9b}31m"
    private static let sections = [
        "healthy", "events", "latency", "sampling", "agent", "caches", "KIND", "PROCESS", "POD OR UNIT", "REMOTE END",
    ]

    /// Two readings, as busy as it gets, with hostile text wherever a stranger may put some.
    static func data(hostile: String = "", seconds: Double = 1, kinds: Int = 30, entries: Int = 60) -> TopData {
        var status = StatusReport()
        status.node = "node-a" + hostile
        status.version = "1" + hostile
        status.startedAt = 1_700_000_000_000_000
        status.takenAt = status.startedAt + 60_000_000
        status.pipeline.fullestRing = 0.9
        status.pipeline.batchBytesLimit = 32 << 20
        status.archive.bytesOnDisk = 1 << 30
        status.collectors = [
            .init(name: "process", state: "running", since: 0),
            .init(name: "network" + hostile, state: "failed", since: 0, error: "no such tracepoint" + hostile),
        ]
        for number in 0..<kinds {
            var line = StatusReport.LedgerLine(
                kind: "kind_\(number)" + hostile,
                collector: "process",
                priority: "critical",
                counts: LedgerEntry(),
                inFlight: 0,
                violations: []
            )
            line.keep = number == 3 ? 0.25 : 1
            line.rung = number == 3 ? "sampled" : "full"
            status.ledger.append(line)
        }
        var cache = StatusReport.Cache(name: "names" + hostile)
        cache.hits = 3
        cache.misses = 1
        status.enrichment.caches = [cache]
        var data = TopData()
        data.add(TopReading(status: status))
        for number in 0..<kinds {
            status.ledger[number].counts.attempted = UInt64(number) * 1_000_000
            status.ledger[number].counts.archived = UInt64(number) * 900_000
            status.ledger[number].counts.ringFull = UInt64(number)
        }
        status.process.residentBytes = 84 << 20
        status.process.userSeconds = 0.25
        var reading = TopReading(status: status)
        reading.seconds = seconds
        reading.records = 1000
        reading.events = 1000
        reading.latencyP50Ns = 600_000
        reading.latencyP99Ns = 2_100_000
        for number in 0..<entries {
            let events = Double(1000 - number)
            reading.processes.entries.append(
                .init(name: "prog\(number)" + hostile, pid: Int32(number + 1), detail: "unit" + hostile, events: events)
            )
            reading.commands.entries.append(.init(name: "prog\(number)" + hostile, events: events))
            reading.owners.entries.append(.init(name: "shop/web-\(number)" + hostile, events: events, error: 7))
            reading.peers.entries.append(
                .init(name: "[2001:db8::\(number)]:443", detail: "n" + hostile, events: events)
            )
        }
        data.add(reading)
        return data
    }

    @Test(
        "no line is wider and no frame higher than the terminal, and nothing hostile gets through",
        arguments: [(80, 24), (200, 60), (40, 10), (20, 3), (1, 1), (132, 43), (500, 200)],
        TopControls.View.allCases
    )
    func fits(size: (Int, Int), view: TopControls.View) {
        var controls = TopControls()
        controls.view = view
        controls.trouble = "gone" + Self.hostile
        for isHelp in [false, true] {
            controls.showsHelp = isHelp
            let size = TerminalSize(columns: size.0, rows: size.1)
            let frame = TopFrame(Self.data(hostile: Self.hostile), controls)
            let plain = frame.text(size, usesColour: false)
            #expect(plain.count == size.rows)
            for line in plain {
                #expect(TerminalText.width(of: line) <= size.columns, "\(line)")
                #expect(!line.unicodeScalars.contains(where: TerminalText.isUnsafe), "\(line.debugDescription)")
            }
            let coloured = frame.text(size, usesColour: true).map { $0.replacing(/\u{1b}\[[0-9]*m/, with: "") }
            #expect(coloured == plain, "colours change nothing else")
        }
    }

    @Test("every section is on the screen", arguments: [(80, 24), (200, 60), (100, 30)])
    func sections(size: (Int, Int)) {
        var data = Self.data()
        let lines = TopFrame(data).text(TerminalSize(columns: size.0, rows: size.1), usesColour: false)
        let text = lines.joined(separator: "\n")
        for section in Self.sections where section != "healthy" {
            #expect(text.contains(section), "\(section) in\n\(text)")
        }
        #expect(text.contains("no such tracepoint"), "what is wrong is said")
        #expect(text.contains("prog0[1]") && text.contains("shop/web-0") && text.contains("kind_29"))
        #expect(text.contains("84MiB") && text.contains("cpu 25 %") && text.contains("90 %") && text.contains("75 %"))
        #expect(text.contains("kind_3 0.25"), "what is sampled is said:\n\(text)")
        #expect(lines.last?.hasPrefix("q quit") == true)
        data = Self.data(kinds: 0, entries: 0)
        let empty = TopFrame(data).text(TerminalSize(columns: size.0, rows: size.1), usesColour: false)
        #expect(empty.contains { $0.contains("nothing happened yet") })
        #expect(empty.contains { $0.hasPrefix("none") })
    }

    @Test("many kinds leave room for the rankings, and few processes leave it to the kinds")
    func shares() {
        let size = TerminalSize(columns: 80, rows: 24)
        let full = TopFrame(Self.data()).text(size, usesColour: false)
        let heading = full.firstIndex { $0.hasPrefix("PROCESS") } ?? 0
        #expect(heading > 0 && full.dropFirst(heading).count { $0.contains("prog") } >= 4)
        let few = TopFrame(Self.data(entries: 1)).text(size, usesColour: false)
        #expect(few.count { $0.hasPrefix("kind_") } > full.count { $0.hasPrefix("kind_") })
    }

    @Test("without a reading it waits, without an interval it measures, with nonsense it does not trap")
    func early() {
        let size = TerminalSize(columns: 80, rows: 24)
        #expect(TopFrame(TopData()).text(size, usesColour: false).contains { $0.contains("waiting") })
        var data = TopData()
        data.add(TopReading(status: StatusReport()))
        #expect(TopFrame(data).text(size, usesColour: false).contains { $0.contains("measuring") })
        var status = StatusReport()
        status.takenAt = .min
        status.startedAt = .max
        status.pipeline.fullestRing = .nan
        status.pipeline.batchBytes = .max
        status.archive.bytesOnDisk = .min
        var reading = TopReading(status: status)
        reading.seconds = 1e-300
        reading.events = .infinity
        reading.latencyP99Ns = .max
        reading.processes.entries = [.init(name: "", pid: .min, events: .greatestFiniteMagnitude)]
        data.add(reading)
        for view in TopControls.View.allCases {
            var controls = TopControls()
            controls.view = view
            #expect(!TopFrame(data, controls).text(size, usesColour: false).isEmpty)
        }
    }

    @Test("what could not be looked at, and that the agent is gone, is said")
    func lacks() {
        var data = Self.data()
        var next = data.reading!
        next.skipped = 1234
        data.add(next)
        var controls = TopControls()
        controls.trouble = "no agent listens on /run/x"
        let text = TopFrame(data, controls).text(TerminalSize(columns: 100, rows: 30), usesColour: false)
        #expect(text.contains { $0.contains("lack 1,234 records") })
        #expect(text.contains { $0.contains("trying again: no agent listens on /run/x") })
    }

    @Test("the plain report holds all of it, the greatest first, and as many of each as was asked for")
    func report() {
        let lines = TopFrame(Self.data(hostile: Self.hostile)).report(columns: 100, entries: 4, usesColour: false)
        let text = lines.joined(separator: "\n")
        for section in Self.sections where section != "healthy" { #expect(text.contains(section)) }
        #expect(lines.count { $0.contains("kind_") } == 31, "30 kinds and the line on sampling")
        #expect(lines.count { $0.contains("shop/web-") } == 4)
        #expect(!text.contains("\u{1b}"))
    }

    @Test("keys do what the help says")
    func keys() {
        var controls = TopControls()
        func press(_ text: String) -> Bool { controls.press(Array(text.utf8)) }
        #expect(press("\t\t") && controls.view == .collectors)
        #expect(press("\u{1b}[Z") && controls.view == .kinds)
        #expect(press("\u{1b}[D\u{1b}[D") && controls.view == .peers)
        #expect(press("\u{1b}OC") && controls.view == .overview)
        #expect(press("4") && controls.view == .processes)
        #expect(press("s") && controls.sort == .lost)
        #expect(press("sss") && controls.sort == .rate)
        #expect(press("p") && controls.isPaused)
        #expect(press(" ") && !controls.isPaused)
        #expect(press("?") && controls.showsHelp)
        #expect(press("\u{1b}") && !controls.showsHelp)
        #expect(press("xyz89\u{1b}[200~") && controls.view == .processes, "what means nothing does nothing")
        #expect(!press("xq"))
        #expect(!press("\u{3}"))
    }

    @Test("a redraw writes the lines that changed and no others, and everything after a resize")
    func redraw() {
        var screen = ScreenDiff()
        let size = TerminalSize(columns: 4, rows: 3)
        let first = screen.draw([ViewLine("abcd"), ViewLine("b"), ViewLine("c")], size: size, usesColour: false)
        #expect(first == "\u{1b}[2J\u{1b}[1;1Habcd\u{1b}[2;1Hb\u{1b}[K\u{1b}[3;1Hc\u{1b}[K")
        #expect(screen.draw([ViewLine("abcd"), ViewLine("b"), ViewLine("c")], size: size, usesColour: false) == "")
        #expect(
            screen.draw([ViewLine("abcd"), ViewLine("x")], size: size, usesColour: false)
                == "\u{1b}[2;1Hx\u{1b}[K\u{1b}[3;1H\u{1b}[K"
        )
        let other = TerminalSize(columns: 3, rows: 2)
        #expect(screen.draw([ViewLine("abcd")], size: other, usesColour: false) == "\u{1b}[2J\u{1b}[1;1Hab…")
        screen.forget()
        #expect(screen.draw([ViewLine("a")], size: other, usesColour: false).hasPrefix("\u{1b}[2J"))
    }

    @Test("a sparkline is as wide as was asked, the last value at its right end")
    func sparkline() {
        #expect(Sparkline([], columns: 3).text == "   ")
        #expect(Sparkline([0, 7, nil, 14], columns: 5).text == " ▁▅ █")
        #expect(Sparkline([1, 2, 3, 4], columns: 2).text == "▆█")
        #expect(Sparkline([0, 0], columns: 2).text == "▁▁")
        #expect(Sparkline([.max, 0], columns: 0).text == "")
    }
}
