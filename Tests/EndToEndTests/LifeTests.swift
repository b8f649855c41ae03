import Glibc
import TapioAgent
import TapioArchive
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("The agent's life")
    struct LifeTests {
        @Test(
            "SIGTERM and SIGINT stop it in order, with all that was read in the archive",
            arguments: [SIGTERM, SIGINT]
        )
        func stops(signal: Int32) throws {
            let agent = try AgentProcess()
            let child = SpawnedProcess("/bin/true", ["true", "the last one"])
            child.wait()
            let end = agent.stop(signal)
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(TestFile.find(agent.archive, suffix: ".part") == [])
            #expect(!TestFile.list(agent.nodeDirectory).contains(".running"))
            #expect(access(agent.socket, F_OK) != 0)
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "pid", "args"], scope: .sealed)
            let own = rows.of("process_exec", "process_exit").filter { $0.int("pid") == Int64(child.pid) }
            #expect(own.count == 2)
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("a second signal ends it at once")
        func twice() throws {
            let agent = try AgentProcess()
            // Both wait for it when it goes on.
            for signal in [SIGSTOP, SIGTERM, SIGINT, SIGCONT] { agent.signal(signal) }
            #expect(agent.awaitEnd().ending == .exited(143))
            // What that left behind, the next one tells.
            let place = TemporaryDirectory()
            let next = try AgentProcess(in: place, archive: agent.archive)
            #expect(next.stop().ending == .exited(0))
            #expect(try LedgerBooks(agent.archive).notes["unclean_shutdown"]?.count == 1)
        }

        @Test("SIGUSR1 seals what there is, and it goes on")
        func seals() throws {
            let agent = try AgentProcess()
            let first = SpawnedProcess("/bin/true", ["true"])
            first.wait()
            agent.signal(SIGUSR1)
            #expect(agent.wait { $0.archive.sealedSegments == 1 }, "\(agent.log)")
            let sealed = try ArchiveRows(agent.archive, columns: ["kind", "pid"], scope: .sealed)
            #expect(sealed.of("process_exec").contains { $0.int("pid") == Int64(first.pid) })
            let second = SpawnedProcess("/bin/true", ["true"])
            second.wait()
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "pid"])
            #expect(rows.segmentCount == 2)
            #expect(rows.of("process_exec").count { $0.int("pid") == Int64(second.pid) } == 1)
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("a second agent on the same archive is refused, with the first one's pid")
        func locked() throws {
            let place = TemporaryDirectory()
            let first = try AgentProcess(in: place)
            let second = try AgentProcess(in: place, name: "second", isAwaited: false).awaitEnd()
            #expect(second.ending == .exited(1))
            #expect(second.log.split(separator: "\n").count == 1, "\(second.log)")
            #expect(second.log.contains("process \(first.pid)"), "\(second.log)")
            #expect(try first.status().health.problems == [])
            #expect(first.stop().ending == .exited(0))
            #expect(try TapioProgram.run(["verify", first.archive]).exitCode == 0)
        }

        @Test("files of others in the archive are left as they are, and told once")
        func foreign() throws {
            let place = TemporaryDirectory()
            let first = try AgentProcess(in: place)
            #expect(first.stop().ending == .exited(0))
            let segment = try #require(TestFile.find(first.archive, suffix: ".parquet").first)
            let hour = String(segment[..<segment.lastIndex(of: "/")!])
            let others = [
                first.archive + "/notes.txt", first.nodeDirectory + "/x.parquet", hour + "/notes", hour + "/y.parquet",
                hour + "/z.parquet.part", hour + "/1-2-3.parquet",
            ]
            for path in others { TestFile.write(path, "somebody's: \(path)") }
            let second = try AgentProcess(in: place, settings: ["archive.retention.max_age": "1m"])
            #expect(second.wait { _ in second.log.contains("not Tapio's") })
            let end = second.stop()
            #expect(end.ending == .exited(0))
            for path in others {
                #expect(TestFile.read(path) == Array("somebody's: \(path)".utf8))
                let told = end.log.split(separator: "\n").count { $0.contains(path.split(separator: "/").last!) }
                #expect(told <= 1, "\(path): \(end.log)")
            }
        }

        @Test("an archive on a read-only file system: one error that names it")
        func readOnly() throws {
            let disk = try SmallDisk(bytes: 1 << 20)
            try disk.makeReadOnly()
            let end = try AgentProcess(archive: disk.path + "/archive", isAwaited: false).awaitEnd()
            #expect(end.ending == .exited(1))
            #expect(end.log.split(separator: "\n").count == 1, "\(end.log)")
            #expect(end.log.contains(disk.path), "\(end.log)")
        }

        @Test("a catalogue that is gone or broken is made anew", arguments: ["gone", "broken", "empty"])
        func catalogue(state: String) throws {
            let place = TemporaryDirectory()
            let first = try AgentProcess(in: place)
            #expect(first.stop().ending == .exited(0))
            let name = try #require(TestFile.list(first.nodeDirectory).first { $0.hasSuffix("catalogue.tsv") })
            let path = first.nodeDirectory + "/" + name
            let good = try #require(TestFile.read(path))
            switch state {
            case "gone": unlink(path)
            case "broken": TestFile.write(path, good.map { $0 ^ 0x55 })
            default: TestFile.write(path, [])
            }
            let second = try AgentProcess(in: place)
            #expect(try second.status().archive.sealedSegments == 1)
            #expect(second.stop().ending == .exited(0))
            #expect((TestFile.read(path)?.count ?? 0) >= good.count)
            #expect(try TapioProgram.run(["verify", second.archive]).exitCode == 0)
            #expect(try ArchiveRows(second.archive, columns: ["kind"]).segmentCount == 2)
        }

        @Test("a failing collector leaves the other one running, and is told", .timeLimit(.minutes(2)))
        func failingCollector() throws {
            let place = TemporaryDirectory()
            // A tracefs without the events that the network collector attaches to by name.
            let script = """
                mount -t tmpfs none /sys/kernel/tracing && mkdir -p /sys/kernel/tracing/events && exec "$@"
                """
            let socket = place.file("s")
            let child = try ChildProcess(
                "unshare",
                [
                    "-m", "sh", "-c", script, "sh", TapioProgram.path, "run", "--archive", place.file("archive"),
                    "--set",
                    "control.socket=\(socket)", "--set", "http.listen=off",
                ],
                directory: place
            )
            let client = ControlClient(path: socket)
            let deadline = Deadline(seconds: 60)
            var status: StatusReport?
            while status == nil && !deadline.isOver && child.wait(seconds: 0.05) == nil {
                status = try? client.status()
            }
            let report = try #require(status, "\(child.errors)")
            let states = Dictionary(uniqueKeysWithValues: report.collectors.map { ($0.name, $0) })
            #expect(states["process"]?.state == "running", "\(child.errors)")
            #expect(states["network"]?.error != nil, "\(child.errors)")
            let program = SpawnedProcess("/bin/true", ["true"])
            program.wait()
            child.signal(SIGTERM)
            #expect(child.wait(seconds: 60) != nil, "\(child.errors)")
            let rows = try ArchiveRows(place.file("archive"), columns: ["kind", "pid"])
            #expect(rows.of("process_exec").count { $0.int("pid") == Int64(program.pid) } == 1)
            #expect(try LedgerBooks(place.file("archive")).violations == [])
        }

        @Test("a program that starts is seen live over the socket")
        func live() throws {
            let agent = try AgentProcess()
            let marker = "live-\(UInt32.random(in: 0...UInt32.max))"
            let follower = try InteractiveProcess([
                TapioProgram.path, "cat", "--follow", "--json", "--kinds", "process_exec", "--socket", agent.socket,
            ])
            // The follower is heard of when its first line comes; until then programs start.
            let starter = try InteractiveProcess([
                "/bin/sh", "-c", "while true; do /bin/true \(marker); sleep 0.05; done",
            ])
            var found: String?
            // Lines keep coming, so that the deadline is looked at.
            let deadline = Deadline(seconds: 30)
            while found == nil, !deadline.isOver, let line = follower.readLine() {
                if line.contains(marker) && line.contains("\"comm\":\"true\"") { found = line }
            }
            #expect(found?.contains("\"kind\":\"process_exec\"") == true)
            kill(starter.pid, SIGKILL)
            // The stream ends with the agent.
            #expect(agent.stop().ending == .exited(0))
            while follower.readLine() != nil {}
            _ = follower.wait()
        }
    }
}
