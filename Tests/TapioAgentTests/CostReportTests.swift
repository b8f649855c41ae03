import TapioEvents
import Testing

@testable import TapioAgent

@Suite("What collectors cost") struct CostReportTests {
    /// A report of two collectors.
    private func report(
        exec: (runs: UInt64, ns: UInt64),
        exit: (runs: UInt64, ns: UInt64),
        tcp: (runs: UInt64, ns: UInt64),
        attempted: UInt64,
        cpu: Double
    ) -> StatusReport {
        var report = StatusReport()
        report.process.userSeconds = cpu / 4
        report.process.systemSeconds = cpu * 3 / 4
        func program(_ name: String, _ figures: (runs: UInt64, ns: UInt64)) -> StatusReport.Program {
            .init(name: name, runs: figures.runs, runTimeNs: figures.ns, missed: 0)
        }
        report.collectors = [
            .init(
                name: "process",
                state: "running",
                since: 0,
                programs: [program("process_exec", exec), program("process_exit", exit)]
            ),
            .init(name: "network", state: "running", since: 0, programs: [program("tcp_state", tcp)]),
            .init(name: "flow", state: "disabled", since: 0),
        ]
        for (kind, count) in [("process_exec", attempted), ("process_exit", attempted + 1)] {
            var counts = LedgerEntry()
            counts.attempted = count
            report.ledger.append(
                .init(kind: kind, collector: "process", priority: "high", counts: counts, inFlight: 0, violations: [])
            )
        }
        return report
    }

    @Test("is what happened between two looks, the dearest first")
    func difference() {
        let before = report(exec: (10, 1_000), exit: (10, 500), tcp: (5, 100), attempted: 10, cpu: 1)
        let after = report(exec: (12, 3_000), exit: (20, 10_500), tcp: (5, 100), attempted: 14, cpu: 1.5)
        let cost = CostReport(before, after, elapsedNs: 1_000_000_000, isOfRunningAgent: true)
        #expect(cost.programs.map(\.name) == ["process_exit", "process_exec"])
        #expect(cost.programs.map(\.runs) == [10, 2] && cost.programs.map(\.runTimeNs) == [10_000, 2_000])
        #expect(cost.collectors.map(\.name) == ["process", "network"])
        #expect(cost.collectors[0].events == 8 && cost.collectors[0].nsPerEvent == 1_500)
        #expect(cost.collectors[1].events == 0 && cost.collectors[1].nsPerEvent == nil)
        #expect(cost.agentNs == 500_000_000 && cost.percentOfCore(cost.agentNs) == 50)
        #expect(cost.programsNs == 12_000)
    }

    @Test("a collector that was started again in between counts from its start")
    func restarted() {
        let before = report(exec: (10, 1_000), exit: (0, 0), tcp: (0, 0), attempted: 0, cpu: 0)
        let after = report(exec: (3, 300), exit: (0, 0), tcp: (0, 0), attempted: 0, cpu: 0)
        let cost = CostReport(before, after, elapsedNs: 1, isOfRunningAgent: true)
        #expect(cost.programs == [.init(collector: "process", name: "process_exec", runs: 3, runTimeNs: 300)])
    }
}
