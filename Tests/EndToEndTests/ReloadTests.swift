import Glibc
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Reload")
    struct ReloadTests {
        /// A configuration for each round: every fourth is broken, in one way or another.
        private func configuration(_ round: Int) -> (text: String, isValid: Bool) {
            switch round % 8 {
            case 3: ("batch:\n  max_aeg: 1s\n", false)
            case 7: ("batch: {max_age: [1s\n\t- x", false)
            default:
                (
                    """
                    batch:
                      max_age: \(round % 2 == 0 ? "500ms" : "700ms")
                    sampling:
                      process_fork: \(round % 3 == 0 ? "0.5" : "1")
                    collectors:
                      network:
                        enabled: \(round % 16 != 0)
                      dns:
                        enabled: \(round % 8 != 1)
                      syscall:
                        enabled: \(round % 8 != 2)
                        ignore: \(round % 3 == 0 ? "[EAGAIN]" : "[EAGAIN, ENOENT]")
                      file:
                        paths: [/etc/shadow\(round % 2 == 0 ? "" : ", /etc/ssh")]
                      scheduler:
                        long_wait: \(round % 2 == 0 ? "10ms" : "20ms")
                      process:
                        args_bytes: \(round % 5 == 0 ? "1KiB" : "4KiB")
                    """, true
                )
            }
        }

        /// Counts runs of programs while it lives (kernel.bpf_stats_enabled), and puts the switch back.
        private final class ProgramStatistics {
            private static let path = "/proc/sys/kernel/bpf_stats_enabled"
            private let before = TestFile.read(path) ?? Array("0".utf8)

            init() { TestFile.write(Self.path, "1") }
            deinit { TestFile.write(Self.path, before) }
        }

        @Test("200 SIGHUPs under load, valid and broken: nothing is lost, nothing that need not is touched")
        func manyReloads() throws {
            let counting = ProgramStatistics()
            defer { withExtendedLifetime(counting) {} }
            let agent = try AgentProcess(settings: ["ledger.interval": "1s"])
            let storm = try Storm(pauseMs: 1)
            let process = { (status: StatusReport) in status.collectors.first { $0.name == "process" }! }
            let atStart = process(try agent.status())
            var runs: [String: UInt64] = [:]
            var residents: [Int64] = []
            for round in 0..<200 {
                let (text, isValid) = configuration(round)
                TestFile.write(agent.configPath, text)
                agent.signal(SIGHUP)
                let done = agent.wait {
                    $0.configuration.reloads + $0.configuration.failedReloads == UInt64(round + 1)
                }
                try #require(done, "round \(round): \(agent.log)")
                let status = try agent.status()
                let last = try #require(status.configuration.lastReload)
                #expect(last.isApplied == isValid, "round \(round): \(last.message)")
                #expect(isValid || last.message.contains("agent.yaml:2:"), "round \(round): \(last.message)")
                #expect(status.health.problems == [], "round \(round)")
                // The process collector's programs are those of the start: never stopped, and counting on.
                let now = process(status)
                #expect(now.state == "running" && now.since == atStart.since && now.restarts == 0, "round \(round)")
                for program in now.programs {
                    #expect(program.runs >= runs[program.name] ?? 0, "round \(round): \(program.name)")
                    runs[program.name] = program.runs
                }
                residents.append(status.process.residentBytes)
            }
            #expect(runs.values.contains { $0 > 0 })
            let status = try agent.status()
            #expect(status.configuration.reloads == 150 && status.configuration.failedReloads == 50)
            let programs = storm.stop()
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")

            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            #expect(books.accounts.values.reduce(0) { $0 + $1.lost } == 0)
            #expect(books.accounts["process_fork"]!.sampledOut > 0)
            // Every program that the storm ran is there once, whatever was reloaded meanwhile.
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "pid", "ppid"])
            let execs = rows.of("process_exec").filter { $0.int("ppid") == Int64(storm.pid) }
            #expect(execs.compactMap { $0.int("pid") }.sorted() == programs.map(\.pid).sorted())
            expectReloadRows(books)
            // The first rounds fill pools and caches.
            let growth = residents[20...].max()! - residents[..<20].max()!
            #expect(growth < 32 << 20, "resident memory grew by \(growth) bytes")
        }

        private func expectReloadRows(_ books: LedgerBooks) {
            let rows = (books.notes["reload"] ?? []).sorted { $0.int("ledger_from")! < $1.int("ledger_from")! }
            #expect(rows.count == 200)
            var hash = books.notes["start"]?.first?.text("ledger_config_hash")
            #expect(hash != nil)
            for row in rows {
                let isApplied = row.text("ledger_reason") == "applied"
                #expect(row.text("ledger_config_hash_before") == hash)
                let after = row.text("ledger_config_hash")
                #expect(after != nil && (isApplied || after == hash))
                hash = after
            }
            #expect(rows.count { $0.text("ledger_reason") == "refused" } == 50)
        }
    }
}
