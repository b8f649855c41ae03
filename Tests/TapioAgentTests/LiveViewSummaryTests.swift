import TapioEvents
import Testing

@testable import TapioAgent

@Suite("The summary of a run") struct LiveViewSummaryTests {
    private func report(lost: UInt64 = 0, path: String = "/tmp/archive") -> StatusReport {
        var report = StatusReport()
        report.startedAt = 1_700_000_000_000_000
        report.takenAt = report.startedAt + 30_000_000
        report.archive.path = path
        report.archive.rowsWritten = 1000
        report.archive.bytesWritten = 13_000
        var counts = LedgerEntry()
        counts.attempted = 1000 + lost
        counts.archived = 1000
        counts.ringFull = lost
        report.ledger = [
            .init(
                kind: "process_exec",
                collector: "process",
                priority: "critical",
                counts: counts,
                inFlight: 0,
                violations: []
            )
        ]
        return report
    }

    @Test("nothing lost is said, and how to ask the archive")
    func clean() {
        let text = RunSummary(report()).lines(usesColour: false).joined(separator: "\n")
        #expect(text.contains("Saw 1,000 events in 30.0s") || text.contains("Saw 1,000 events in 30s"))
        #expect(text.contains("Nothing was lost: the ledger closes."))
        #expect(text.contains("tapio query --archive /tmp/archive --by kind"))
        #expect(text.contains("duckdb -c "))
        #expect(text.contains("/tmp/archive/**/*.parquet"))
        #expect(text.contains("13 bytes each"))
    }

    @Test("losses are counted with their reason")
    func lost() {
        let text = RunSummary(report(lost: 42)).lines(usesColour: false).joined(separator: "\n")
        #expect(text.contains("42 lost to full rings"))
        #expect(text.contains("42 were lost"))
    }

    @Test("a ledger that does not close is never called closed")
    func broken() {
        var report = report()
        report.ledger[0].violations = ["rings: 3"]
        let text = RunSummary(report).lines(usesColour: false).joined(separator: "\n")
        #expect(text.contains("does not close"))
        #expect(!text.contains("the ledger closes"))
    }

    @Test("nothing of a hostile path reaches the terminal")
    func hostile() {
        for line in RunSummary(report(path: "/x\u{1b}]0;owned\u{7}\n")).lines(usesColour: false) {
            #expect(!line.unicodeScalars.contains(where: TerminalText.isUnsafe), "\(line.debugDescription)")
        }
    }
}
