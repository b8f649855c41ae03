import Glibc
import TapioAgent
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("A crash")
    struct CrashTests {
        /// What was known of the agent and the world when it was killed.
        private struct Kill {
            /// Boot time, nanoseconds.
            var atNs: Int64
            /// When its collectors were known to run.
            var runningSinceNs: Int64
        }

        /// Beyond the batch's age: what the encoder, the disk and a machine with other things to do may take.
        private static let marginNs: Int64 = 1_500_000_000
        private static let maxAgeNs: Int64 = 500_000_000

        @Test("50 times kill -9 under load: all but the last moment is there, and each crash stands in the archive")
        func kills() throws {
            let place = TemporaryDirectory()
            let storms = try (0..<2).map { _ in try Storm(pauseMs: 2) }
            var kills: [Kill] = []
            var sealed: Set<String> = []
            var rows: [String: Int] = [:]
            for round in 0..<50 {
                let agent = try AgentProcess(
                    in: place,
                    settings: [
                        "batch.max_age": "500ms", "ledger.interval": "1s",
                        // Some segments are sealed before the kill, some are not.
                        "archive.segment.max_age": round % 3 == 0 ? "1s" : "5m",
                    ],
                    // Both lanes, and merged rows; the fewer there are, the sooner they run.
                    arguments: ["--collectors", "process,syscall,scheduler"]
                )
                #expect(try agent.status().health.problems == [], "round \(round)")
                let runningSinceNs = ClockOffset.bootNow()
                // Any moment of the first second; now and then so late that old events have to be there.
                usleep(UInt32.random(in: 0...1_000_000) + (round % 10 == 9 ? 2_000_000 : 0))
                let status = try agent.status()
                agent.kill()
                kills.append(Kill(atNs: ClockOffset.bootNow(), runningSinceNs: runningSinceNs))
                try expectSealedUntouched(&sealed, in: agent.nodeDirectory, round: round)
                // What there was before, recovered, and what this agent said it had archived.
                let now = try rowCounts(agent.archive)
                for line in status.ledger {
                    let promised = (rows[line.kind] ?? 0) + Int(line.counts.archived)
                    #expect(now[line.kind] ?? 0 >= promised, "round \(round): \(line.kind)")
                }
                rows = now
            }
            let last = try AgentProcess(in: place)
            let runs = storms.flatMap { $0.stop() }
            #expect(last.stop().ending == .exited(0))

            let verify = try TapioProgram.run(["verify", last.archive])
            #expect(verify.exitCode == 0, "\(verify.output)\(verify.errors)")
            #expect(TestFile.find(last.archive, suffix: ".part") == [])
            #expect(TestFile.find(last.archive, suffix: ".corrupt") == [])
            try expectEverything(kills, runs, in: last.archive)
        }

        /// Rows by kind, of sealed and open segments.
        private func rowCounts(_ archive: String) throws -> [String: Int] {
            try ArchiveReader(path: archive).segments.flatMap(\.totals.kinds).reduce(into: [:]) {
                $0[$1.name, default: 0] += $1.rows
            }
        }

        /// Segments that were sealed before are as they were; those that are new are whole.
        private func expectSealedUntouched(_ known: inout Set<String>, in directory: String, round: Int) throws {
            let now = TestFile.find(directory, suffix: ".parquet")
            for path in known where !now.contains(path) { Issue.record("\(path) is gone (round \(round))") }
            for path in now where known.insert(path).inserted {
                let verdict = try SegmentVerifier().verify(path)
                #expect(verdict.state == .sealed, "round \(round): \(verdict)")
            }
        }

        private func expectEverything(_ kills: [Kill], _ runs: [Storm.Run], in archive: String) throws {
            let books = try LedgerBooks(archive)
            #expect(books.notes["unclean_shutdown"]?.count == kills.count)
            #expect(books.notes["stop"]?.count == 1)

            // Every program that ended long enough before a kill, and while the agent ran, has its row.
            let rows = try ArchiveRows(archive, columns: ["kind", "pid", "ts"])
            var exits: [Int64: [Int64]] = [:]
            for row in rows.of("process_exit") { exits[row.int("pid")!, default: []].append(row.int("ts")!) }
            let clock = ClockOffset.measure()
            var checked = 0
            for kill in kills {
                let span =
                    kill.runningSinceNs
                    + 5_000_000..<max(
                        kill.runningSinceNs + 5_000_001,
                        kill.atNs - Self.maxAgeNs - Self.marginNs
                    )
                let due = runs.filter { span.contains($0.endedNs) }
                let missing = due.filter { run in
                    let ended = clock.utcMicroseconds(boot: run.endedNs)
                    return exits[run.pid]?.contains { abs($0 - ended) < 1_000_000 } != true
                }
                #expect(missing.isEmpty, "\(missing.count) of \(due.count)")
                checked += due.count
            }
            #expect(checked > 50)
        }
    }
}
