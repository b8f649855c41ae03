import Foundation
import TapioAgent
import TapioEvents
import Testing

@Suite("The program") struct CommandsTests {
    /// A report of a healthy agent whose node has a hostile name.
    private func report(lost: UInt64 = 0, isHealthy: Bool = true, violations: [String] = []) -> StatusReport {
        var report = StatusReport()
        report.pid = 1
        report.node = "node\u{1b}[2Ja"
        report.startedAt = 1_700_000_000_000_000
        report.takenAt = report.startedAt + 61_000_000
        report.health.isHealthy = isHealthy
        if !isHealthy { report.health.problems = ["the disk is full"] }
        report.collectors = [
            .init(name: "process", state: "running", since: report.startedAt),
            .init(name: "network", state: "failed", since: report.startedAt, error: "no tracepoint", restarts: 3),
        ]
        var counts = LedgerEntry()
        counts.attempted = 1_000_000 + lost
        counts.archived = 1_000_000
        counts.ringFull = lost
        report.ledger = [
            .init(
                kind: "process_exec",
                collector: "process",
                priority: "high",
                counts: counts,
                inFlight: 0,
                violations: violations
            )
        ]
        return report
    }

    private static let wrong: [([String], Int32)] = [
        (["bogus"], 2), (["query", "knd = 1", "--archive", "/proc/self/fdinfo"], 2),
        (["schema", "no_such_kind"], 2), (["ls"], 1), (["query", "--by", "kind"], 1), (["cat"], 1), (["verify"], 1),
        (["repair", "/nonexistent"], 1), (["status"], 1), (["ledger"], 1), (["reload"], 1),
        (["config", "check", "--config", "/nonexistent.yaml"], 2), (["config", "show", "--set", "x"], 2),
        (["doctor", "--set", "archive.pth=/x"], 2),
        (["export", "-o", "/nonexistent/x.csv"], 1), (["export", "-o", "x.parquet"], 2),
        (["merge", "-o", "/nonexistent/merged", "/nonexistent/archive"], 1), (["compact"], 1),
        (["replay", "/nonexistent.tapiorec", "--archive", "/nonexistent/archive"], 1),
        (["sql"], 1), (["sql", "/nonexistent"], 1),
        (["sql", "--view", "tapio_tcp_clos", "--archive", "/proc/self/fdinfo"], 2),
    ]

    private func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("tapio-commands-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    @Test("version names itself, in words and as JSON")
    func version() throws {
        let words = try CommandsBinary.run(["version"])
        #expect(words.status == 0)
        #expect(words.output.hasPrefix("tapio \(TapioVersion.current)\n"))
        let json = try CommandsBinary.run(["version", "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["version"] as? String == TapioVersion.current)
    }

    @Test(
        "errors are one line on standard error with the documented code",
        arguments: wrong
    )
    func errors(arguments: [String], status: Int32) throws {
        let result = try CommandsBinary.run(arguments)
        #expect(result.status == status)
        #expect(result.output == "")
        let lines = result.error.split(separator: "\n")
        #expect(lines.first?.hasPrefix("tapio: error: ") == true, "\(result.error)")
        // A query's error points at the place below; nothing else needs more than a line.
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("  ") }, "\(result.error)")
    }

    @Test("status ends with 0 for a healthy agent and with 1 for one that is not")
    func status() throws {
        let well = try CommandsAgent(report())
        let good = try CommandsBinary.run(["status", "--socket", well.socket])
        #expect(good.status == 0)
        #expect(good.output.contains("healthy"))
        #expect(good.output.contains("no tracepoint"))
        #expect(!good.output.contains("\u{1b}"), "escapes, or colours without a terminal")
        let ill = try CommandsAgent(report(isHealthy: false))
        let bad = try CommandsBinary.run(["status", "--socket", ill.socket])
        #expect(bad.status == 1)
        #expect(bad.output.contains("the disk is full"))
    }

    @Test("status as JSON is the report itself")
    func statusJSON() throws {
        let agent = try CommandsAgent(report())
        let result = try CommandsBinary.run(["status", "--json", "--socket", agent.socket])
        let decoded = try JSONDecoder().decode(StatusReport.self, from: Data(result.output.utf8))
        #expect(decoded.node == "node\u{1b}[2Ja")
        #expect(decoded.ledger.first?.counts.attempted == 1_000_000)
    }

    @Test("the ledger ends with 0, 3 for losses, 1 where it does not close")
    func ledger() throws {
        let whole = try CommandsAgent(report())
        let closed = try CommandsBinary.run(["ledger", "--socket", whole.socket])
        #expect(closed.status == 0)
        #expect(closed.output.contains("1,000,000"))
        #expect(closed.output.contains("nothing was lost"))
        let lossy = try CommandsAgent(report(lost: 42))
        let lost = try CommandsBinary.run(["ledger", "--socket", lossy.socket])
        #expect(lost.status == 3)
        #expect(lost.output.contains("RING FULL"))
        let broken = try CommandsAgent(report(violations: ["rings: 7"]))
        let open = try CommandsBinary.run(["ledger", "--socket", broken.socket])
        #expect(open.status == 1)
        #expect(open.output.contains("does not close"))
    }

    @Test("cat --follow shows what the agent sends, and no more than the limit")
    func follow() throws {
        let agent = try CommandsAgent(report(), lines: (0..<100).map { "event \($0)" })
        let all = try CommandsBinary.run(["cat", "--follow", "--socket", agent.socket])
        #expect(all.status == 0)
        #expect(all.output.split(separator: "\n").count == 100)
        let some = try CommandsBinary.run(["cat", "--follow", "--limit", "3", "--socket", agent.socket])
        #expect(some.output == "event 0\nevent 1\nevent 2\n")
    }

    /// What the program itself has to say rather than a command.
    private static let own = ["--help", "query --help", "help run", "--version", "--generate-completion-script bash"]

    @Test(
        "a reader that goes away ends it silently",
        arguments: ["schema", "config default", "collectors --json"] + own
    )
    func closedPipe(command: String) throws {
        let result = try CommandsBinary.shell("\"$TAPIO\" \(command) | true")
        #expect(result.status == 0)
        #expect(result.error == "")
    }

    @Test("a full disk is an error, not a silence", arguments: ["schema", "version"] + own)
    func fullDisk(command: String) throws {
        let result = try CommandsBinary.shell("\"$TAPIO\" \(command) > /dev/full")
        #expect(result.status == 1)
        #expect(result.error == "tapio: error: cannot write to standard output: No space left on device\n")
    }

    @Test("config check names file, line and column, and as JSON too")
    func configCheck() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("tapio.yaml")
        try "archive:\n  pth: /x\n".write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        let words = try CommandsBinary.run(["config", "check", "--config", file.path])
        #expect(words.status == 2)
        #expect(words.error.contains("tapio.yaml:2:"), "\(words.error)")
        let json = try CommandsBinary.run(["config", "check", "--json", "--config", file.path])
        #expect(json.status == 2)
        #expect(json.error == "")
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["isValid"] as? Bool == false)
    }

    @Test("the default configuration is valid, and show gives it back")
    func configRoundTrip() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("tapio.yaml")
        let defaults = try CommandsBinary.run(["config", "default"])
        try defaults.output.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        // The archive's variable sets a key: here the file has to say it.
        let environment = ["TAPIO_ARCHIVE_PATH": "/var/lib/tapio", "TAPIO_CONTROL_SOCKET": "/run/tapio/tapio.sock"]
        let check = try CommandsBinary.run(["config", "check", "--config", file.path], environment: environment)
        #expect(check.status == 0, "\(check.error)")
        let show = try CommandsBinary.run(["config", "show", "--config", file.path], environment: environment)
        #expect(show.status == 0)
        #expect(show.output.contains("path: /var/lib/tapio"))
    }

    @Test("an empty archive has no segments, and that is well")
    func emptyArchive() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        for command in [["ls"], ["verify"], ["query", "--by", "kind"], ["cat"], ["sql"], ["compact"]] {
            let result = try CommandsBinary.run(command + ["--archive", directory.path])
            #expect(result.status == 0, "\(command): \(result.error)")
        }
    }

    @Test(
        "a directory of other files is an archive to no command",
        arguments: ["ls", "verify", "query --by kind", "cat", "sql", "report -o -"]
    )
    func otherFiles(command: String) throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data("x".utf8).write(to: directory.appendingPathComponent("notes.txt"))
        let arguments = command.split(separator: " ").map { String($0) }
        let result = try CommandsBinary.run(arguments + ["--archive", directory.path])
        #expect(result.status == 1 && result.output == "", "\(result.output)")
        #expect(result.error.contains("is no archive"), "\(result.error)")
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
    }

    @Test("a segment that is nothing but noise is damage, whatever else is there")
    func noise() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let hour = directory.appendingPathComponent("node=a/date=2026-01-01/hour=00")
        try FileManager.default.createDirectory(at: hour, withIntermediateDirectories: true)
        let noise = Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37) })
        try noise.write(to: hour.appendingPathComponent("1767225600000000-0a1b2c3d-000001.parquet"))
        let result = try CommandsBinary.run(["verify", directory.path])
        #expect(result.status == 1)
        let json = try CommandsBinary.run(["verify", directory.path, "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["isWhole"] as? Bool == false)
    }

    @Test("doctor answers without an agent, in words and as JSON")
    func doctor() throws {
        let words = try CommandsBinary.run(["doctor"])
        #expect([0, 1, 77].contains(words.status), "\(words.error)")
        #expect(words.output.contains("Collectors"))
        let json = try CommandsBinary.run(["doctor", "--json"])
        let decoded = try JSONDecoder().decode(DoctorReport.self, from: Data(json.output.utf8))
        #expect(decoded.findings.contains { $0.section == .rings })
        #expect(json.status == words.status)
    }

    @Test("every kind of the schema has columns, and Markdown holds them all")
    func schema() throws {
        struct Document: Decodable {
            struct Kind: Decodable {
                struct Column: Decodable { var name: String }
                var name: String
                var columns: [Column]
            }
            var kinds: [Kind]
        }
        let json = try CommandsBinary.run(["schema", "--json"])
        let document = try JSONDecoder().decode(Document.self, from: Data(json.output.utf8))
        let markdown = try CommandsBinary.run(["schema", "--markdown"]).output
        #expect(document.kinds.contains { $0.name == "process_exec" })
        for kind in document.kinds {
            #expect(!kind.columns.isEmpty)
            #expect(markdown.contains("## `\(kind.name)`"))
            for column in kind.columns { #expect(markdown.contains("| `\(column.name)` |")) }
        }
    }
}
