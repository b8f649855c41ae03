import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("A full disk")
    struct FullDiskTests {
        private static let told = "the archive cannot be written"
        private static let over = "the archive can be written again"

        private func occurrences(_ text: String, in log: String) -> Int {
            log.split(separator: "\n").count { $0.contains(text) }
        }

        /// Runs programs to their ends.
        private func run(_ count: Int) -> [Int64] {
            (0..<count).map { _ in
                let process = SpawnedProcess("/bin/true", ["true"])
                process.wait()
                return Int64(process.pid)
            }
        }

        /// Waits for trouble of that name, runs programs in it, and gives their pids.
        private func runInTrouble(_ agent: AgentProcess, _ name: String) throws -> [Int64] {
            var pids = run(20)
            let began = agent.wait { $0.archive.trouble == name && $0.archive.keptBatches > 0 }
            try #require(began, "no trouble: \(agent.log)")
            for _ in 0..<4 {
                pids += run(20)
                usleep(500_000)
                let status = try agent.status()
                #expect(status.collectors.allSatisfy { ["running", "disabled", "unavailable"].contains($0.state) })
                #expect(status.ledger.allSatisfy { $0.violations.isEmpty })
                #expect(status.archive.keptBytes <= status.archive.keptBytesLimit)
                #expect(status.health.problems.count == 1 && status.health.problems[0].contains(name))
            }
            return pids
        }

        /// Stops the agent, whose disk is well again, and looks for what the programs did meanwhile.
        private func expectAllUrgent(_ agent: AgentProcess, _ pids: [Int64], reason: String) throws {
            let healed = agent.wait { $0.archive.trouble == nil && $0.archive.keptBatches == 0 }
            #expect(healed, "\(agent.log)")
            let after = run(20)
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(occurrences(Self.told, in: end.log) == 1, "\(end.log)")
            #expect(occurrences(Self.over, in: end.log) == 1, "\(end.log)")
            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            for kind in ["process_exec", "process_exit"] {
                #expect(books.accounts[kind]?.lost == 0, "\(kind)")
                let seen = Set(try ArchiveRows(agent.archive, columns: ["kind", "pid"]).of(kind).map { $0.int("pid") })
                #expect(Set(pids + after).allSatisfy { seen.contains($0) }, "\(kind)")
            }
            // Bulk was not kept: its loss is a gap with that reason.
            #expect(books.gapTotal("process_fork", reason: reason) > 0)
        }

        @Test("what is urgent waits until there is room again, and is all there afterwards")
        func urgentWaits() throws {
            let disk = try SmallDisk(bytes: 16 << 20)
            let agent = try AgentProcess(
                archive: disk.path + "/archive",
                settings: ["batch.max_age": "500ms", "ledger.interval": "1s", "archive.retention.max_bytes": "off"]
            )
            let filler = disk.path + "/somebody-else"
            disk.fill(filler)
            let pids = try runInTrouble(agent, "noSpace")
            unlink(filler)
            try expectAllUrgent(agent, pids, reason: "noSpace")
        }

        @Test("a file system that is read-only for a while: the same")
        func readOnly() throws {
            // The lock's file is open as long as the agent lives, and a file system with such a file cannot be made read-only:
            // only the segments' directories are, today's and tomorrow's.
            let place = TemporaryDirectory()
            let node = place.file("archive/node=test")
            mkdir(place.file("archive"), 0o755)
            mkdir(node, 0o755)
            let disks = try [0, 86_400].map { later in
                let directory = node + "/" + dateDirectory(secondsFromNow: later)
                mkdir(directory, 0o755)
                return try SmallDisk(bytes: 16 << 20, at: directory)
            }
            let agent = try AgentProcess(
                in: place,
                settings: ["batch.max_age": "2s", "ledger.interval": "1s", "archive.segment.max_age": "1s"]
            )
            let deadline = Deadline(seconds: 30)
            for disk in disks {
                // Between two segments nothing is open.
                while (try? disk.makeReadOnly()) == nil {
                    try #require(!deadline.isOver, "the disk is never free")
                    agent.signal(SIGUSR1)
                    usleep(20_000)
                }
            }
            let pids = try runInTrouble(agent, "readOnly")
            for disk in disks { try disk.makeWritable() }
            try expectAllUrgent(agent, pids, reason: "readOnly")
        }

        private func dateDirectory(secondsFromNow: Int) -> String {
            var seconds = time(nil) + secondsFromNow
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let numbers = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
            return "date=" + numbers.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: "-")
        }

        @Test("a disk that stays full to the end: the agent ends in order and says what it lost")
        func fullToTheEnd() throws {
            let disk = try SmallDisk(bytes: 8 << 20)
            let agent = try AgentProcess(
                archive: disk.path + "/archive",
                settings: ["batch.max_age": "500ms", "ledger.interval": "1s", "archive.retention.max_bytes": "off"]
            )
            disk.fill(disk.path + "/somebody-else")
            _ = try runInTrouble(agent, "noSpace")
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(occurrences("could not be written to the end", in: end.log) == 1, "\(end.log)")
            #expect(occurrences("does not close", in: end.log) == 0, "\(end.log)")
        }

        @Test("is told once, what is lost is counted, and after it all goes on; the ledger closes")
        func noSpace() throws {
            // Two MiB for the agent, and room for all that it can have kept and on its way when the filler goes: a disk that
            // fills again would lose what comes later as well.
            let disk = try SmallDisk(bytes: 50 << 20)
            let filler = disk.path + "/somebody-else"
            TestFile.write(filler, [UInt8](repeating: 1, count: 48 << 20))
            let agent = try AgentProcess(
                archive: disk.path + "/archive",
                settings: [
                    "batch.max_age": "500ms", "ledger.interval": "1s", "archive.retention.max_bytes": "off",
                    "queue.retry_bytes": "1MiB",
                ]
            )
            let storms = try (0..<2).map { _ in try Storm(argumentBytes: 3900) }
            #expect(agent.wait(seconds: 60) { $0.archive.writeErrors >= 3 }, "the disk did not fill: \(agent.log)")
            // It goes on: it answers, its collectors run, and what it loses it counts.
            let full = try agent.status()
            #expect(full.collectors.allSatisfy { ["running", "disabled", "unavailable"].contains($0.state) })
            #expect(full.archive.lastError?.contains("noSpace") == true)
            #expect(full.ledger.allSatisfy { $0.violations.isEmpty })

            // What comes after it is little, so that the disk does not fill again.
            for storm in storms { _ = storm.stop() }
            unlink(filler)
            let after = try Storm(pauseMs: 20)
            let deadline = Deadline(seconds: 30)
            while !deadline.isOver && occurrences(Self.over, in: agent.log) == 0 { usleep(20_000) }
            _ = after.stop()
            // What was on its way when the rings were full may be lost, and counted; what comes when they no longer are, not.
            #expect(agent.wait { $0.pipeline.fullestRing < 0.1 }, "\(agent.log)")
            let last = run(1)[0]
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(occurrences(Self.told, in: end.log) == 1, "\(end.log)")
            #expect(occurrences(Self.over, in: end.log) == 1, "\(end.log)")
            #expect(end.log.split(separator: "\n").count < 60, "\(end.log)")

            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            let execs = try ArchiveRows(agent.archive, columns: ["kind", "pid"]).of("process_exec")
            #expect(execs.contains { $0.int("pid") == last })
            let lost = books.gaps.filter { $0.key.reason == "noSpace" }
            #expect(!lost.isEmpty)
            #expect(lost.allSatisfy { $0.key.stage == "archive" })
            // Whole, but events are known to be missing.
            let verify = try TapioProgram.run(["verify", agent.archive])
            #expect(verify.exitCode == 3, "\(verify.output)\(verify.errors)")
        }

        @Test("does not come where retention makes room in time; what it removed is told")
        func retention() throws {
            let disk = try SmallDisk(bytes: 3 << 20)
            let agent = try AgentProcess(
                archive: disk.path + "/archive",
                settings: [
                    "batch.max_age": "500ms", "ledger.interval": "1s", "archive.segment.max_age": "1s",
                    "archive.retention.max_bytes": "off", "archive.retention.min_free_percent": "50",
                ]
            )
            let storm = try Storm(argumentBytes: 3900, pauseMs: 5)
            #expect(agent.wait(seconds: 60) { $0.archive.segmentsDeleted >= 3 }, "\(agent.log)")
            _ = storm.stop()
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(occurrences(Self.told, in: end.log) == 0, "\(end.log)")
            let books = try LedgerBooks(agent.archive)
            #expect((books.notes["retention"]?.count ?? 0) > 0)
            let verify = try TapioProgram.run(["verify", agent.archive])
            #expect(verify.exitCode == 0, "\(verify.output)\(verify.errors)")
        }
    }
}
