import Glibc
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("The ledger closes")
    struct LedgerClosesTests {
        private func waitForArchived(_ agent: AgentProcess, _ kind: String, _ count: UInt64) {
            let done = agent.wait { status in
                status.ledger.contains { $0.kind == kind && $0.counts.archived >= count }
            }
            #expect(done, "fewer than \(count) \(kind) are archived")
        }

        /// What the running agent's own figures must be at any moment.
        private func expectSound(_ status: StatusReport, at place: SourceLocation = #_sourceLocation) {
            #expect(status.health.problems == [], sourceLocation: place)
            for line in status.ledger {
                #expect(line.violations == [], sourceLocation: place)
                #expect(line.inFlight >= 0, sourceLocation: place)
                let counts = line.counts
                let decided = counts.filtered + counts.sampledOut + counts.ringFull + counts.settled
                #expect(counts.attempted == decided + UInt64(line.inFlight), sourceLocation: place)
            }
        }

        @Test("under a storm of programs, children and connections, while it runs and after it")
        func storm() throws {
            let agent = try AgentProcess(settings: ["batch.max_age": "500ms", "ledger.interval": "1s"])
            let storms = try (0..<3).map { _ in try Storm() }
            for round in 1...8 {
                waitForArchived(agent, "process_exit", UInt64(round * 250))
                expectSound(try agent.status())
            }
            let runs = storms.map { $0.stop() }
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")

            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            #expect(books.accounts.values.reduce(0) { $0 + $1.lost } == 0)
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "pid", "ppid"])
            for (storm, runs) in zip(storms, runs) {
                let parent = Int64(storm.pid)
                let execs = rows.of("process_exec").filter { $0.int("ppid") == parent }.compactMap { $0.int("pid") }
                #expect(execs.sorted() == runs.map(\.pid).sorted())
                #expect(rows.of("tcp_connect").filter { $0.int("pid") == parent }.count == runs.count)
                // One program and one child in each round.
                #expect(rows.of("process_fork").filter { $0.int("pid") == parent }.count == 2 * runs.count)
                #expect(rows.of("process_exit").filter { $0.int("ppid") == parent }.count == 2 * runs.count)
            }
            #expect(try TapioProgram.run(["verify", agent.archive]).exitCode == 0)
        }

        @Test("rings that overflow: what is not archived is lost, and every loss is a gap row")
        func overflow() throws {
            let agent = try AgentProcess(settings: [
                "rings.urgent_bytes": "4KiB", "rings.bulk_bytes": "4KiB", "reader.drain_interval": "100ms",
                "reader.idle_interval": "100ms", "collectors.network.enabled": "false", "overload.mode": "off",
            ])
            let count = 1000
            let pids = (0..<count).map { number in
                // An agent that stands still for a while reads nothing: whatever it is, its ring overflows.
                if number == 100 { agent.signal(SIGSTOP) }
                if number == 300 { agent.signal(SIGCONT) }
                let process = SpawnedProcess("/bin/true", ["true"])
                process.wait()
                return Int64(process.pid)
            }
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")

            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            let own = Set(pids)
            let mine = Int64(getpid())
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "pid", "ppid", "child_pid"])
            func expectClosed(_ kind: String, archived: Int) throws {
                let account = try #require(books.accounts[kind])
                let missing = Int64(count - archived)
                let others = account.attempted - account.filtered - Int64(count)
                #expect(missing > 0, "\(kind): nothing overflowed")
                #expect(others >= 0, "\(kind): the probes saw fewer than there were")
                // What the test knows of its own, and the gap rows of all: others can have lost no more than they did.
                #expect(books.gapTotal(kind) >= missing, "\(kind)")
                #expect(books.gapTotal(kind) <= missing + others, "\(kind)")
            }
            func archived(_ kind: String, _ column: String, _ parent: String) -> Int {
                rows.of(kind).count { own.contains($0.int(column) ?? -1) && $0.int(parent) == mine }
            }
            try expectClosed("process_exec", archived: archived("process_exec", "pid", "ppid"))
            try expectClosed("process_exit", archived: archived("process_exit", "pid", "ppid"))
            try expectClosed("process_fork", archived: archived("process_fork", "child_pid", "pid"))
        }
    }
}
