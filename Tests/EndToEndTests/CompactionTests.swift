import Glibc
import TapioAgent
import TapioArchive
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Compaction in the background")
    struct BackgroundCompactionTests {
        /// Old means a second, and all are worth it.
        private static let settings = [
            "archive.compact.min_age": "1s", "archive.compact.min_segments": "2", "archive.compact.cpu_budget": "0.5",
        ]

        @Test("an agent makes one of an earlier run's segments, with every row, and its archive is proven whole")
        func compacts() throws {
            let place = TemporaryDirectory()
            let first = try AgentProcess(in: place)
            var pids: [Int64] = []
            for round in 1...5 {
                let child = SpawnedProcess("/bin/true", ["true", "round \(round)"])
                child.wait()
                pids.append(Int64(child.pid))
                first.signal(SIGUSR1)
                #expect(first.wait { $0.archive.sealedSegments == round }, "\(first.log)")
            }
            #expect(first.stop().ending == .exited(0))
            let before = TestFile.find(first.archive, suffix: ".parquet")
            #expect(before.count >= 5)

            let second = try AgentProcess(in: place, settings: Self.settings)
            let child = SpawnedProcess("/bin/true", ["true", "the second run"])
            child.wait()
            pids.append(Int64(child.pid))
            second.signal(SIGUSR1)
            #expect(second.wait { $0.archive.compaction.runs >= 1 }, "\(second.log)")
            let compaction = try second.status().archive.compaction
            #expect(compaction.segmentsBefore >= 2 && compaction.segmentsAfter == compaction.runs)
            #expect(compaction.bytesAfter < compaction.bytesBefore && compaction.cpuNs > 0)
            #expect(compaction.failures == 0 && compaction.lastError == nil)
            #expect(second.log.contains("compacted date="), "\(second.log)")

            // It heeds a reload.
            TestFile.write(second.configPath, "batch: {max_age: 700ms}\n")
            second.signal(SIGHUP)
            #expect(second.wait { $0.configuration.reloads == 1 && $0.archive.compaction.isEnabled })
            let end = second.stop()
            #expect(end.ending == .exited(0), "\(end.log)")

            let after = TestFile.find(first.archive, suffix: ".parquet")
            #expect(after.contains { $0.contains("-r1.parquet") })
            #expect(after.filter(before.contains).count < before.count)
            #expect(!TestFile.list(first.nodeDirectory).contains(".compacting"))
            let rows = try ArchiveRows(first.archive, columns: ["kind", "pid", "args"], scope: .sealed)
            let execs = rows.of("process_exec").compactMap { $0.int("pid") }
            for pid in pids { #expect(execs.count { $0 == pid } == 1, "\(pid)") }
            #expect(try LedgerBooks(first.archive).violations == [])
            let verify = try TapioProgram.run(["verify", first.archive])
            #expect(verify.exitCode == 0, "\(verify.output) \(verify.errors)")
        }

        @Test("it can be switched off, and a reload switches it on")
        func reloads() throws {
            let place = TemporaryDirectory()
            let first = try AgentProcess(in: place)
            for round in 1...3 {
                SpawnedProcess("/bin/true", ["true", "round \(round)"]).wait()
                first.signal(SIGUSR1)
                #expect(first.wait { $0.archive.sealedSegments == round }, "\(first.log)")
            }
            #expect(first.stop().ending == .exited(0))
            let second = try AgentProcess(
                in: place,
                config: "archive: {compact: {enabled: false, min_age: 1s, min_segments: 2}}\n"
            )
            SpawnedProcess("/bin/true", ["true", "the second run"]).wait()
            second.signal(SIGUSR1)
            let before = try second.status().archive
            #expect(!before.compaction.isEnabled && before.compaction.runs == 0)
            TestFile.write(second.configPath, "archive: {compact: {min_age: 1s, min_segments: 2}}\n")
            second.signal(SIGHUP)
            #expect(second.wait { $0.archive.compaction.runs >= 1 }, "\(second.log)")
            #expect(second.stop().ending == .exited(0))
            #expect(try TapioProgram.run(["verify", first.archive]).exitCode == 0)
        }
    }
}
