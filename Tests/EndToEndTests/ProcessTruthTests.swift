import Glibc
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Processes in the archive are those that there were")
    struct ProcessTruthTests {
        private static let columns = [
            "kind", "ts", "ts_sub_ns", "pid", "ppid", "start_ts", "exe", "args", "argc", "args_bytes", "child_pid",
            "exit_code", "signal", "duration_ns", "weight", "comm",
        ]

        private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

        @Test("odd arguments stand in the archive as a shell would read them again")
        func oddArguments() throws {
            let many = [[UInt8]](repeating: bytes("a"), count: 4095)
            let cases: [(argv: [[UInt8]], line: String)] = [
                ([bytes("true")], "true"),
                ([bytes("true"), [], []], "true '' ''"),
                ([bytes("true"), bytes("two words"), bytes(" ")], "true 'two words' ' '"),
                ([bytes("true"), bytes("it's"), bytes("\"x\"")], #"true 'it'\''s' '"x"'"#),
                ([bytes("true"), bytes("$HOME `id` \\ * ?")], "true '$HOME `id` \\ * ?'"),
                ([bytes("true"), bytes("tab\tline\nbell\u{7}\u{1b}[31m")], "true 'tab\tline\nbell\u{7}\u{1b}[31m'"),
                ([bytes("true"), bytes("grüße 🦌")], "true 'grüße 🦌'"),
                ([bytes("true"), [0x66, 0xff, 0xfe, 0x6f, 0xc3]], "true f\u{fffd}\u{fffd}o\u{fffd}"),
                // 4,096 arguments are more bytes than an event carries: it is cut, and tells how much there was.
                ([bytes("true")] + many, "true" + String(repeating: " a", count: (4096 - 5 + 1) / 2)),
            ]
            let agent = try AgentProcess(settings: ["collectors.network.enabled": "false"])
            let pids = cases.map { odd in
                let process = SpawnedProcess("/bin/true", argv: odd.argv)
                process.wait()
                return Int64(process.pid)
            }
            #expect(agent.stop().ending == .exited(0))

            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            #expect(rows.problems == [])
            for (odd, pid) in zip(cases, pids) {
                let found = rows.of("process_exec").filter { $0.int("pid") == pid && $0.int("ppid") == Int64(getpid()) }
                #expect(found.count == 1)
                let row = try #require(found.first)
                let isExact = row.text("args") == odd.line
                #expect(isExact, "\(row.text("args")?.prefix(100) ?? "no arguments") is not \(odd.line.prefix(100))")
                #expect(row.int("argc") == Int64(odd.argv.count))
                #expect(row.int("args_bytes") == Int64(odd.argv.reduce(0) { $0 + $1.count + 1 }))
                #expect(row.text("exe") == "/bin/true")
                #expect(row.text("comm") == "true")
            }
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("processes that were there before are told, the test among them")
        func existing() throws {
            let sleeper = try ChildProcess("sleep", ["600"], directory: TemporaryDirectory())
            let agent = try AgentProcess(settings: ["collectors.network.enabled": "false"])
            #expect(agent.stop().ending == .exited(0))

            let rows = try ArchiveRows(agent.archive, columns: Self.columns).of("process_existing")
            let own = rows.filter { $0.int("pid") == Int64(getpid()) }
            #expect(own.count == 1)
            #expect(own.first?.int("ppid") == Int64(getppid()))
            #expect(own.first?.text("args")?.isEmpty == false)
            let child = rows.filter { $0.int("pid") == Int64(sleeper.pid) }
            #expect(child.count == 1)
            #expect(child.first?.text("args") == "sleep 600")
            // The agent does not report itself.
            #expect(rows.filter { $0.int("pid") == Int64(agent.pid) }.isEmpty)
        }

        /// What a short process was made to do.
        private struct Short {
            var pid: Int64
            var outcome: SpawnedProcess.Outcome
            var programs: Int
            /// Boot time before it was started, and when its end was known, nanoseconds.
            var span: ClosedRange<Int64>
        }

        private func run(_ number: Int) -> Short {
            let begin = ClockOffset.bootNow()
            let process =
                switch number % 5 {
                case 3: SpawnedProcess("/bin/sh", ["sh", "-c", "exit \(number % 251)"])
                case 4: SpawnedProcess("/bin/sh", ["sh", "-c", "kill -\([9, 15, 10, 1, 6][number / 5 % 5]) $$"])
                default: SpawnedProcess("/bin/true", ["true", "\(number)"])
                }
            let outcome = process.wait()
            return Short(pid: Int64(process.pid), outcome: outcome, programs: 1, span: begin...ClockOffset.bootNow())
        }

        @Test("2,000 short processes: each one once, with its parent, its end and its time")
        func shortProcesses() throws {
            let agent = try AgentProcess(settings: ["collectors.network.enabled": "false"])
            let truth = (0..<2000).map(run)
            #expect(agent.stop().ending == .exited(0))
            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])

            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let mine = Int64(getpid())
            let execs = Dictionary(grouping: rows.of("process_exec").filter { $0.int("ppid") == mine }) {
                $0.int("pid")!
            }
            let exits = Dictionary(grouping: rows.of("process_exit").filter { $0.int("ppid") == mine }) {
                $0.int("pid")!
            }
            let forks = Dictionary(grouping: rows.of("process_fork").filter { $0.int("pid") == mine }) {
                $0.int("child_pid")!
            }
            var wrong: [String] = []
            for short in truth {
                let pid = short.pid
                let counts = [execs[pid]?.count, forks[pid]?.count, exits[pid]?.count]
                if counts != [1, 1, 1] { wrong.append("\(pid): exec, fork, exit: \(counts)") }
                guard let exit = exits[pid]?.first else { continue }
                let code = exit.int("exit_code") ?? -1
                let outcome: SpawnedProcess.Outcome =
                    exit.int("signal").map { .signalled(Int32($0)) } ?? .exited(Int32(code))
                if outcome != short.outcome { wrong.append("\(pid): \(outcome), not \(short.outcome)") }
                let duration = exit.int("duration_ns") ?? -1
                if duration <= 0 || duration > short.span.upperBound - short.span.lowerBound {
                    wrong.append("\(pid): lasted \(duration) ns, within \(short.span)")
                }
                if exit.double("weight") != 1 { wrong.append("\(pid): weight \(exit.double("weight") ?? -1)") }
            }
            #expect(wrong.isEmpty, "\(wrong.count) of 2,000: \(wrong.prefix(5))")
            #expect(Set(truth.map(\.pid)).count == 2000)
            #expect(books.accounts["process_exit"]!.rows >= 2000)
        }
    }
}
