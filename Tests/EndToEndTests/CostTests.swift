import Foundation
import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("tapio doctor --cost")
    struct CostTests {
        /// Runs the doctor while processes start and end, and gives its JSON.
        private func measure(_ arguments: [String]) throws -> CostReport {
            let place = TemporaryDirectory()
            let busy = try ChildProcess(
                "/bin/sh",
                ["-c", "while :; do /bin/true; done"],
                directory: place
            )
            defer { busy.signal(SIGKILL) }
            let result = try CommandsBinary.run(["doctor", "--cost", "--for", "500ms", "--json"] + arguments)
            let report = try JSONDecoder().decode(DoctorReport.self, from: Data(result.output.utf8))
            return try #require(report.cost, "\(result.error)")
        }

        private func expectPlausible(_ cost: CostReport) throws {
            #expect(cost.elapsedNs >= 500_000_000)
            let process = try #require(cost.collectors.first { $0.name == "process" })
            #expect(process.events > 0 && process.runs > 0)
            #expect(process.nsPerEvent ?? 0 > 1)
            let exec = try #require(cost.programs.first { $0.name == "process_exec" })
            #expect(exec.runs > 0 && exec.runTimeNs > exec.runs)
            #expect(cost.programsNs < UInt64(cost.elapsedNs) * UInt64(ProcessInfo.processInfo.activeProcessorCount))
        }

        @Test("of the running agent: its programs, and its process")
        func running() throws {
            let agent = try AgentProcess()
            let cost = try measure(["--socket", agent.socket])
            #expect(cost.isOfRunningAgent)
            try expectPlausible(cost)
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("without an agent one is started for it, and leaves nothing behind")
        func own() throws {
            let before = TestFile.list("/tmp").filter { $0.hasPrefix("tapio-cost-") }
            let cost = try measure(["--socket", "/nonexistent/tapio.sock"])
            #expect(!cost.isOfRunningAgent)
            try expectPlausible(cost)
            #expect(TestFile.list("/tmp").filter { $0.hasPrefix("tapio-cost-") } == before)
        }
    }
}
