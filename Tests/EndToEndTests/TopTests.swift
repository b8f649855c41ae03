import Foundation
import Glibc
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("tapio top")
    struct TopTests {
        /// What a hostile program calls itself, and how a person may see it.
        private static let hostileName = "ev\u{1b}[31mil"
        private static let shownName = "ev\\x1b[31mil"

        /// A shell under a hostile name that starts programs, and connects where nobody listens.
        private static func storm(in place: TemporaryDirectory) throws -> ChildProcess {
            let shell = place.file(hostileName)
            TestFile.write(shell, TestFile.read("/bin/bash")!, mode: 0o700)
            let loop = "while :; do /bin/sleep 0.02; (exec 3<>/dev/tcp/127.0.0.1/9); done"
            return try ChildProcess(shell, ["-c", loop], directory: place)
        }

        private static func command(
            _ agent: AgentProcess,
            _ place: TemporaryDirectory,
            _ options: String = ""
        ) -> String {
            let before = place.file("before")
            let top = "'\(TapioProgram.path)' top --socket '\(agent.socket)' --interval 300ms \(options)"
            return
                "stty -g > '\(before)'; \(top); echo \"ended with $?\"; stty -g | cmp - '\(before)' && echo \"as it was\""
        }

        /// Whether all that an overview has is there, with figures.
        private static func isWhole(_ screen: [String]) -> Bool {
            let text = screen.joined(separator: "\n")
            let wanted = [
                "healthy", "events", "latency", "sampling", "agent", "caches", "KIND", "process_", "PROCESS",
                "POD OR UNIT",
                "REMOTE END", "127.0.0.1:9", String(shownName.prefix(8)), "q quit",
            ]
            return wanted.allSatisfy { text.contains($0) } && !text.contains("measuring")
        }

        private static func fits(_ screen: [String], _ columns: Int, _ rows: Int) -> Bool {
            screen.count <= rows && screen.allSatisfy { TerminalText.width(of: $0) <= columns }
        }

        @Test("fills a terminal, follows its size and its keys, and gives it back")
        func terminal() throws {
            let place = TemporaryDirectory()
            let agent = try AgentProcess(in: place)
            let storm = try Self.storm(in: place)
            let terminal = try TmuxTerminal(Self.command(agent, place), columns: 80, rows: 24, in: place)
            let small = try terminal.wait(until: Self.isWhole)
            #expect(small.isAsWanted, "\(small.screen.joined(separator: "\n"))")
            #expect(Self.fits(small.screen, 80, 24))
            #expect(small.screen.count == 24 && small.screen[23].hasPrefix("q quit"))
            #expect(try terminal.state() == (true, false))
            let colours = try terminal.colours()
            #expect(colours.contains("\u{1b}[32m"), "there are colours: \(colours.debugDescription)")

            try terminal.resize(columns: 200, rows: 60)
            let large = try terminal.wait { $0.count == 60 && $0[59].hasPrefix("q quit") && Self.isWhole($0) }
            #expect(large.isAsWanted, "\(large.screen.joined(separator: "\n"))")
            #expect(Self.fits(large.screen, 200, 60))
            #expect(large.screen.contains { $0.contains("SEEN IN ALL") }, "there is room for more")
            Self.keep([("80x24", small.screen), ("200x60", large.screen)])

            try terminal.resize(columns: 80, rows: 24)
            try terminal.press("2")
            let kinds = try terminal.wait { $0.contains { $0.hasPrefix("tcp_failed ") } }
            #expect(kinds.isAsWanted && Self.fits(kinds.screen, 80, 24), "\(kinds.screen.joined(separator: "\n"))")
            try terminal.press("4")
            let processes = try terminal.wait { $0.contains { $0.contains("PID") && $0.contains("SHARE") } }
            #expect(processes.isAsWanted && Self.fits(processes.screen, 80, 24), "\(processes.screen)")
            try terminal.press("?")
            // Nothing of it is cut. What is caught in the midst of a redraw may still have lines of the page before.
            let help = try terminal.wait { screen in
                screen.contains { $0.contains("Ctrl-C") }
                    && !screen.dropFirst(6).contains { $0.hasSuffix("…") && !$0.contains(", …") }
            }
            #expect(help.isAsWanted, "\(help.screen.joined(separator: "\n"))")
            try terminal.press("?")
            try terminal.press("p")
            #expect(try terminal.wait { $0[0].contains("paused") }.isAsWanted)
            try terminal.press("1")
            #expect(try terminal.wait(until: Self.isWhole).isAsWanted)

            try terminal.press("q")
            let end = try terminal.wait { $0.contains("as it was") }
            #expect(end.isAsWanted && end.screen.contains("ended with 0"), "\(end.screen)")
            #expect(!end.screen.contains { $0.contains("healthy") })
            #expect(try terminal.state() == (false, true))
            _ = storm
            #expect(agent.stop().ending == .exited(0))
        }

        /// Leaves the screens where whoever runs the tests wants to look at them.
        private static func keep(_ screens: [(name: String, lines: [String])]) {
            guard let directory = ProcessInfo.processInfo.environment["TAPIO_TEST_SCREENS"] else { return }
            for screen in screens {
                TestFile.write("\(directory)/top-\(screen.name).txt", screen.lines.joined(separator: "\n") + "\n")
            }
        }

        @Test(
            "says that the agent is gone, and goes on with the next; Ctrl-C ends it in order; no colours where none are wanted"
        )
        func reconnects() throws {
            let place = TemporaryDirectory()
            var agent = try AgentProcess(in: place)
            let storm = try Self.storm(in: place)
            let command = Self.command(agent, place, "--no-color")
            let terminal = try TmuxTerminal(command, columns: 100, rows: 30, in: place)
            #expect(try terminal.wait(until: Self.isWhole).isAsWanted)
            #expect(try !terminal.colours().contains("\u{1b}[3"))
            #expect(agent.stop().ending == .exited(0), "a client does not hold up the agent")
            let gone = try terminal.wait { $0.contains { $0.contains("trying again") } }
            #expect(gone.isAsWanted, "\(gone.screen)")
            #expect(gone.screen.contains { $0.contains("127.0.0.1:9") }, "the old figures stay")
            agent = try AgentProcess(in: place, archive: place.file("another"))
            let back = try terminal.wait { screen in
                Self.isWhole(screen) && !screen.contains { $0.contains("trying again") }
            }
            #expect(back.isAsWanted, "\(back.screen.joined(separator: "\n"))")
            try terminal.press("C-c")
            let end = try terminal.wait { $0.contains("as it was") }
            #expect(end.isAsWanted && end.screen.contains("ended with 0"), "\(end.screen)")
            _ = storm
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("prints plain snapshots where there is no terminal, and JSON lines whose sums agree")
        func snapshots() throws {
            let place = TemporaryDirectory()
            let agent = try AgentProcess(in: place)
            let storm = try Self.storm(in: place)
            let base = ["top", "--socket", agent.socket, "--interval", "1s"]
            let plain = try TapioProgram.run(base)
            #expect(plain.exitCode == 0, "\(plain.errors)")
            #expect(!plain.output.contains("\u{1b}"))
            for wanted in ["healthy", "process_exec", "COLLECTOR", "PID", "REMOTE END", "127.0.0.1:9", Self.shownName] {
                #expect(plain.output.contains(wanted), "\(wanted) in\n\(plain.output)")
            }
            let json = try TapioProgram.run(base + ["--json", "--count", "2"])
            let lines = json.output.split(separator: "\n")
            #expect(json.exitCode == 0 && lines.count == 2, "\(json.errors)")
            for line in lines {
                let snapshot = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                )
                let processes = try #require((snapshot["processes"] as? [String: Any])?["entries"] as? [[String: Any]])
                #expect(processes.contains { $0["name"] as? String == Self.hostileName }, "JSON is exact")
                let ranked = try #require(snapshot["rankedEvents"] as? Double)
                #expect(processes.reduce(0) { $0 + ($1["events"] as? Double ?? 0) } <= ranked)
                let total = try #require((snapshot["total"] as? [String: Any])?["rates"] as? [String: Double])
                #expect((total["seen"] ?? 0) > 0)
            }
            _ = storm
            #expect(agent.stop().ending == .exited(0))
            let none = try TapioProgram.run(base)
            #expect(none.exitCode == 1 && none.errors.contains("no agent listens"), "\(none.errors)")
        }
    }
}
