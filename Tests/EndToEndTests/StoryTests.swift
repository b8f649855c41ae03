import Foundation
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("What the archive tells of those who died")
    struct StoryTests {
        /// The answer of `tapio explain --json`, as far as it is looked at.
        private struct Answer: Decodable {
            struct Said: Decodable {
                struct Row: Decodable {
                    var ts: String
                    var kind: String
                    var pid: Int64
                    var cpu: Int64
                    var seq: Int64
                }
                var rule: String
                var text: String
                var rows: [Row]
                var query: String
            }
            var statements: [Said]
            var lookedAt: [String: Int]
        }

        private static let settings = ["collectors.network.enabled": "false", "collectors.kubernetes.enabled": "false"]

        private func explain(_ subject: String, _ archive: String) throws -> Answer {
            let result = try TapioProgram.run(["explain", subject, "--archive", archive, "--json"])
            #expect([0, 3].contains(result.exitCode), "\(result.errors)")
            return try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8))
        }

        private func texts(_ answer: Answer, _ rule: String) -> [String] {
            answer.statements.filter { $0.rule == rule }.map(\.text)
        }

        /// Whether the query of a statement, run in a shell, shows the rows that it names.
        private func check(_ said: Answer.Said) throws {
            let command = said.query.replacing("tapio query", with: "\"$TAPIO\" query", maxReplacements: 1) + " --json"
            let shown = try CommandsBinary.shell(command)
            #expect(shown.status == 0 || shown.status == 3, "\(shown.error)")
            let lines = shown.output.split(separator: "\n")
            for row in said.rows {
                let isShown = lines.contains { line in
                    line.contains("\"ts\":\"\(row.ts)\"") && line.contains("\"kind\":\"\(row.kind)\"")
                        && line.contains("\"pid\":\(row.pid),") && line.contains("\"seq\":\(row.seq),")
                }
                #expect(isShown, "\(said.query) does not show \(row)")
            }
        }

        @Test("who was killed, by whom; who exited, after which failing calls; who died for want of memory")
        func deaths() throws {
            let group = try #require(MemoryCgroup(limitBytes: 32 << 20))
            let agent = try AgentProcess(settings: Self.settings)
            let killed = SpawnedProcess("/bin/sleep", ["sleep", "600"])
            kill(killed.pid, SIGKILL)
            #expect(killed.wait() == .signalled(SIGKILL))
            // The descriptor is not open: EBADF.
            let script = "import os\ntry:\n os.close(777)\nexcept OSError:\n os._exit(3)"
            let failing = SpawnedProcess("/usr/bin/env", ["env", "python3", "-c", script])
            #expect(failing.wait() == .exited(3))
            let greedy = SpawnedProcess(
                "/bin/sh",
                ["sh", "-c", "\(group.enter) && exec python3 -c 'x = bytearray(128 << 20)'"]
            )
            #expect(greedy.wait() == .signalled(SIGKILL))
            let fault = SpawnedProcess("/usr/bin/env", ["env", "python3", "-c", "import ctypes; ctypes.string_at(0)"])
            #expect(fault.wait() == .signalled(SIGSEGV))
            let fine = SpawnedProcess("/bin/true", ["true"])
            #expect(fine.wait() == .exited(0))
            #expect(agent.stop().ending == .exited(0))

            let ofKilled = try explain("\(killed.pid)", agent.archive)
            let words = texts(ofKilled, "signal")
            #expect(words.count == 1)
            #expect(words.first?.hasPrefix("SIGKILL ended it after ") == true, "\(words)")
            #expect(words.first?.contains("[\(getpid())] sent it with kill()") == true, "\(words)")

            let ofFailing = try explain("\(failing.pid)", agent.archive)
            let exit = texts(ofFailing, "exit")
            #expect(exit.first?.hasPrefix("It exited with code 3 after ") == true, "\(exit)")
            #expect(
                exit.contains { $0.hasPrefix("Before that, close failed with EBADF (Bad file descriptor), ") },
                "\(exit)"
            )

            let ofGreedy = try explain("\(greedy.pid)", agent.archive)
            let memory = texts(ofGreedy, "oom")
            #expect(memory.first?.contains("memory ran out in cgroup \(group.id)") == true, "\(memory)")
            #expect(memory.first?.contains("of 32MiB") == true, "\(memory)")
            #expect(texts(ofGreedy, "signal").first?.hasPrefix("SIGKILL ended it") == true)

            let ofFault = texts(try explain("\(fault.pid)", agent.archive), "signal")
            #expect(ofFault.first?.contains("SIGSEGV ended it") == true, "\(ofFault)")
            #expect(ofFault.first?.contains("for a fault at address 0x0") == true, "\(ofFault)")

            let ofFine = try explain("\(fine.pid)", agent.archive)
            #expect(!ofFine.statements.contains { ["signal", "oom"].contains($0.rule) })
            #expect(ofFine.statements.first?.text.hasPrefix("It exited with code 0") == true)

            for answer in [ofKilled, ofFailing, ofGreedy] {
                #expect(!answer.statements.isEmpty)
                for said in answer.statements { try check(said) }
            }
            // For people, with the command that shows the rows.
            let shown = try TapioProgram.run(["explain", "\(killed.pid)", "--archive", agent.archive])
            #expect(shown.output.contains("How it ended"))
            #expect(shown.output.contains("tapio query 'kind = signal_death and pid = \(killed.pid)'"))
            #expect(shown.output.contains("What this archive cannot show"))
            let nobody = try TapioProgram.run(["explain", "4194303", "--archive", agent.archive])
            #expect(nobody.exitCode == 1)
            #expect(nobody.errorLines.contains { $0.contains("no row of process 4194303") })
        }

        @Test(
            "a process's timeline has its fork, exec, signal and end in this order; its pod's, address's and comm's are theirs"
        )
        func timeline() throws {
            let agent = try AgentProcess(settings: Self.settings)
            let child = SpawnedProcess("/bin/sleep", ["sleep", "601"])
            // Until the exec is over.
            usleep(200_000)
            kill(child.pid, SIGTERM)
            child.wait()
            #expect(agent.stop().ending == .exited(0))

            func kinds(_ subject: String) throws -> [String] {
                struct Line: Decodable {
                    struct Event: Decodable { var kind: String }
                    var event: Event?
                }
                let result = try TapioProgram.run(["timeline", subject, "--archive", agent.archive, "--json"])
                #expect([0, 3].contains(result.exitCode), "\(result.errors)")
                return try result.output.split(separator: "\n").compactMap {
                    try JSONDecoder().decode(Line.self, from: Data($0.utf8)).event?.kind
                }
            }
            let told = try kinds("\(child.pid)")
            let wanted = ["process_fork", "process_exec", "signal_sent", "signal_death", "process_exit"]
            #expect(
                told.filter { ["process_fork", "process_exec", "signal_sent"].contains($0) } == Array(wanted.prefix(3)),
                "\(told)"
            )
            #expect(Set(told).isSuperset(of: wanted), "\(told)")
            let named = try kinds("comm=sleep")
            #expect(named.contains("process_exit"))
            let text = try TapioProgram.run(["timeline", "\(child.pid)", "--archive", agent.archive])
            #expect(text.output.contains(" UTC\n"))
            #expect(text.output.contains("sleep[\(child.pid)]"))
            #expect(
                text.output.split(separator: "\n").dropFirst().allSatisfy {
                    $0.contains("+") || $0.contains("~") || $0.hasSuffix(" UTC")
                }
            )
        }

        @Test("the tree of a moment has a child below its parent, and with --all what became of it")
        func tree() throws {
            let agent = try AgentProcess(settings: Self.settings)
            let parent = SpawnedProcess("/bin/sh", ["sh", "-c", "sleep 0.3 & wait; exit 5"])
            #expect(parent.wait() == .exited(5))
            #expect(agent.stop().ending == .exited(0))

            let all = try TapioProgram.run(
                ["tree", "--pid", "\(parent.pid)", "--all", "--archive", agent.archive],
                environment: ["NO_COLOR": "1"]
            )
            #expect([0, 3].contains(all.exitCode), "\(all.errors)")
            let lines = all.output.split(separator: "\n")
            let shell = lines.firstIndex { $0.contains("sh[\(parent.pid)]") && $0.contains("exit 5") }
            #expect(shell != nil, "\(all.output)")
            if let shell, shell + 1 < lines.count {
                #expect(lines[shell + 1].contains("`- sleep["), "\(lines[shell + 1])")
                #expect(lines[shell + 1].contains("exit 0"))
            }
            // The arguments of those above may hold anything; the lines between are plain.
            #expect(!all.output.contains { "│├└─".contains($0) })
            let now = try TapioProgram.run(["tree", "--pid", "\(parent.pid)", "--archive", agent.archive])
            #expect(now.exitCode == 1)
            let own = try TapioProgram.run(["tree", "--pid", "\(getpid())", "--archive", agent.archive, "--json"])
            #expect([0, 3].contains(own.exitCode), "\(own.errors)")
            #expect(own.output.contains("\"pid\" : \(getpid())"))
        }

        @Test("tail has the last events, in the order of time, and as many as there are where that is fewer")
        func tail() throws {
            let agent = try AgentProcess(settings: Self.settings)
            let pids = (0..<5).map { _ in
                let process = SpawnedProcess("/bin/true", ["true"])
                process.wait()
                return process.pid
            }
            #expect(agent.stop().ending == .exited(0))
            let filter = "kind = process_exit and pid in (\(pids.map { "\($0)" }.joined(separator: ", ")))"
            func last(_ count: Int) throws -> [String] {
                let result = try TapioProgram.run(["tail", "-n", "\(count)", filter, "--archive", agent.archive])
                #expect([0, 3].contains(result.exitCode), "\(result.errors)")
                return result.output.split(separator: "\n").map(String.init)
            }
            let two = try last(2)
            #expect(two.count == 2)
            for (line, pid) in zip(two, pids.suffix(2)) { #expect(line.contains("true[\(pid)]"), "\(line)") }
            #expect(try last(100).count == 5)
            #expect(try last(0).isEmpty)
        }

        @Test("tail -f shows what was there and goes on with what is added, each once")
        func follow() throws {
            let place = TemporaryDirectory()
            let agent = try AgentProcess(in: place, settings: Self.settings)
            func trueOnce() -> Int32 {
                let process = SpawnedProcess("/bin/true", ["true"])
                process.wait()
                return process.pid
            }
            let before = trueOnce()
            // Until the archive has it.
            let filter = "kind = process_exit and comm = true and ppid = \(getpid())"
            let deadline = Deadline(seconds: 30)
            while !deadline.isOver {
                let shown = try TapioProgram.run(["cat", filter, "--archive", agent.archive])
                if shown.output.contains("true[\(before)]") { break }
            }
            let tail = try ChildProcess(
                TapioProgram.path,
                ["tail", "-f", filter, "--archive", agent.archive],
                directory: place
            )
            while !deadline.isOver, !tail.output.contains("true[\(before)]") { usleep(20_000) }
            let after = trueOnce()
            while !deadline.isOver, !tail.output.contains("true[\(after)]") { usleep(20_000) }
            tail.signal(SIGTERM)
            tail.wait()
            let lines = tail.output.split(separator: "\n")
            for pid in [before, after] {
                #expect(lines.filter { $0.contains("true[\(pid)]") }.count == 1, "\(tail.output)")
            }
            #expect(agent.stop().ending == .exited(0))
        }
    }
}
