import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("A full disk")
    struct FullDiskTests {
        private static let told = "events are lost and counted until this passes"
        private static let over = "the archive can be written again"

        private func occurrences(_ text: String, in log: String) -> Int {
            log.split(separator: "\n").count { $0.contains(text) }
        }

        @Test("is told once, what is lost is counted, and after it all goes on; the ledger closes")
        func noSpace() throws {
            let disk = try SmallDisk(bytes: 6 << 20)
            let filler = disk.path + "/somebody-else"
            TestFile.write(filler, [UInt8](repeating: 1, count: 4 << 20))
            let agent = try AgentProcess(
                archive: disk.path + "/archive",
                settings: ["batch.max_age": "500ms", "ledger.interval": "1s", "archive.retention.max_bytes": "off"]
            )
            let storms = try (0..<2).map { _ in try Storm(argumentBytes: 3900) }
            #expect(agent.wait(seconds: 60) { $0.archive.writeErrors >= 3 }, "the disk did not fill: \(agent.log)")
            // It goes on: it answers, its collectors run, and what it loses it counts.
            let full = try agent.status()
            #expect(full.collectors.allSatisfy { $0.state == "running" })
            #expect(full.archive.lastError?.contains("noSpace") == true)
            #expect(full.ledger.allSatisfy { $0.violations.isEmpty })

            // What comes after it is little, so that the disk does not fill again.
            for storm in storms { _ = storm.stop() }
            unlink(filler)
            let after = try Storm(pauseMs: 20)
            let deadline = Deadline(seconds: 30)
            while !deadline.isOver && occurrences(Self.over, in: agent.log) == 0 { usleep(20_000) }
            let programs = after.stop()
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(occurrences(Self.told, in: end.log) == 1, "\(end.log)")
            #expect(occurrences(Self.over, in: end.log) == 1, "\(end.log)")
            #expect(end.log.split(separator: "\n").count < 60, "\(end.log)")

            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            // The last program ended after the archive could be written again.
            let last = try #require(programs.last).pid
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
