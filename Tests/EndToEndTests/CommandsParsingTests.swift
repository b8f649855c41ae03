import ArgumentParser
import Foundation
import TapioAgent
import TapioEvents
import TapioQuery
import Testing

@testable import tapio

@Suite("The command line") struct CommandsParsingTests {
    /// Every command with the words that lead to it.
    static let all: [(words: String, type: any ParsableCommand.Type)] = {
        var found: [(String, any ParsableCommand.Type)] = []
        func walk(_ type: any ParsableCommand.Type, _ words: String) {
            found.append((words, type))
            let configuration = type.configuration
            // Those in groups are among them.
            for child in configuration.subcommands {
                walk(child, words + " " + (child.configuration.commandName ?? "\(child)".lowercased()))
            }
        }
        walk(Tapio.self, "tapio")
        return found
    }()

    @Test("there is a help for every command, with an example that begins with it", arguments: all.map(\.words))
    func help(words: String) throws {
        let type = try #require(CommandsParsingTests.all.first { $0.words == words }?.type)
        let text = Tapio.helpMessage(for: type, columns: 80)
        #expect(text.contains("EXAMPLES"))
        #expect(!type.configuration.abstract.isEmpty)
        #expect(text.contains(words), "no example calls \(words)")
        // Examples are laid out by hand: none may be wrapped.
        let discussion = type.configuration.discussion
        if let examples = discussion.range(of: "EXAMPLES") {
            for line in discussion[examples.upperBound...].split(separator: "\n") {
                #expect(line.count <= 80, "wraps at 80 columns: \(line)")
            }
        }
    }

    @Test("options of run become what the agent is asked")
    func run() throws {
        let command = try RunCommand.parse([
            "--for", "1h30m", "--collectors", "process", "--archive", "data", "--set", "encoders=2", "--print",
            "--json",
        ])
        let request = try command.request()
        #expect(request.durationNs == 5_400_000_000_000)
        #expect(request.printing == .json)
        #expect(!request.isLive)
        let flags = request.sources.flags
        #expect(flags.contains { $0.key == "archive.path" && $0.value.hasPrefix("/") && $0.value.hasSuffix("/data") })
        #expect(flags.contains { $0.key == "collectors.process.enabled" && $0.value == "true" })
        #expect(flags.contains { $0.key == "encoders" && $0.value == "2" })
        #expect(!flags.contains { $0.key.hasSuffix(".enabled") && $0.value == "true" && !$0.key.contains("process") })
    }

    @Test("options of query become the question")
    func query() throws {
        let command = try QueryCommand.parse([
            "kind = process_exec", "--by", "comm, time(10s)", "--agg", "count,p99(duration_ns)", "--top", "5",
            "--order",
            "-count", "--since", "2026-01-01T00:00:00Z",
        ])
        let spec = try command.spec()
        #expect(spec.groupBy == ["comm", "time(10s)"])
        #expect(spec.aggregates == ["count", "p99(duration_ns)"])
        #expect(spec.limit == 5)
        #expect(spec.order == "-count")
        #expect(spec.sinceNs == 1_767_225_600_000_000_000)
        #expect(spec.joins)
        #expect(try !QueryCommand.parse(["--no-join"]).spec().joins)
        #expect(try !CatCommand.parse(["--no-join"]).spec().joins)
    }

    @Test("a list keeps what stands in parentheses together, and drops what is empty")
    func lists() {
        #expect(QueryCommand.list("a, f(b,c) ,,d") == ["a", "f(b,c)", "d"])
        #expect(QueryCommand.list(nil) == [])
        #expect(QueryCommand.list(")(,a") == [")(,a"] || !QueryCommand.list(")(,a").isEmpty)
    }

    @Test("cat joins filter and kinds")
    func cat() throws {
        #expect(try CatCommand.parse(["--kinds", "a,b"]).spec().filter == "(kind = \"a\" or kind = \"b\")")
        let both = try CatCommand.parse(["pid = 1 or pid = 2", "--kinds", "a"]).spec()
        #expect(both.filter == "(pid = 1 or pid = 2) and (kind = \"a\")")
    }

    @Test(
        "what is wrong is said in one line that names it",
        arguments: [
            (["--bogus"], "--bogus"), (["run", "--for", "soon"], "write one as in 30s"),
            (["run", "--collectors", "proces"], "no collector is named 'proces'; there are"),
            (["run", "--json"], "run --print --json"), (["query", "--csv", "--json"], "exclude each other"),
            (["query", "--top", "0"], "at least 1"), (["query", "--top", "3"], "add --by"),
            (["query", "--by", "kind", "--top", "-1"], "--top -1: at least 1"), (["tail", "-n", "-1"], "-n -1: 0 to"),
            (["query", "--by", ""], "--by '': it names nothing"),
            (["query", "--limit", "many"], "many"), (["schema", "--markdown", "--json"], "exclude each other"),
            (["repair"], "path"), (["bench", "encode", "--level", "99"], "1 to 19"),
            (["cat", "--follow", "--until", "now"], "leave out --until"),
            (["sql", "--dialect", "oracle"], "there are duckdb, clickhouse"),
            (["sql", "here", "--archive", "there"], "give the path once"),
            (["ls", "here", "--archive", "there"], "give the path once"),
            (["report", "here", "-o", "x", "--archive", "there"], "give the path once"),
        ]
    )
    func errors(arguments: [String], part: String) throws {
        let ending = try #require(CommandsParsingTests.ending(of: arguments))
        #expect(ending.status == 2)
        #expect(ending.error.contains(part), "\(ending.error)")
        #expect(!ending.error.contains("\n"))
        #expect(ending.output.isEmpty)
    }

    @Test(
        "a command that there is not is named before its options are, with the one that was perhaps meant",
        arguments: [
            (["nonsense"], "there is no command 'nonsense'; see tapio --help"),
            (["qurey", "--by", "kind"], "there is no command 'qurey'; did you mean 'query'?"),
            (["Query", "--by", "kind"], "there is no command 'Query'; did you mean 'query'?"),
            (["help", "qurey"], "there is no command 'qurey'; did you mean 'query'?"),
            (["config", "chekc", "--json"], "there is no command 'config chekc'; did you mean 'config check'?"),
            (["bench", "xyz"], "there is no command 'bench xyz'; see tapio bench --help"),
            // Of what is hidden nothing is said.
            (["manuel"], "there is no command 'manuel'; see tapio --help"),
            ([""], "there is no command ''; see tapio --help"),
            (["a\n\u{1b}[31mb"], "there is no command 'a\\n\\x1b[31mb'; see tapio --help"),
        ]
    )
    func unknownCommands(arguments: [String], message: String) throws {
        let ending = try #require(CommandsParsingTests.ending(of: arguments))
        #expect(ending.error == message)
        #expect(ending.status == 2)
        #expect(ending.output.isEmpty)
    }

    @Test("of a command that there is not no more is shown than a line holds")
    func longUnknownCommand() throws {
        let ending = try #require(CommandsParsingTests.ending(of: [String(repeating: "x", count: 100_000)]))
        #expect(ending.status == 2)
        #expect(ending.error.utf8.count < 160 && ending.error.contains("xxx…'"), "\(ending.error)")
    }

    @Test("a command is found by its words, and what stands behind it is its own matter", arguments: all.map(\.words))
    func knownCommands(words: String) throws {
        let path = words.split(separator: " ").dropFirst().map(String.init)
        let type = try #require(CommandsParsingTests.all.first { $0.words == words }?.type)
        let isGroup = !type.configuration.subcommands.isEmpty
        try CommandWords.check(path)
        try CommandWords.check(["help"] + path)
        try CommandWords.check(path + ["--json"])
        if isGroup {
            #expect(throws: CommandFailure.self) { try CommandWords.check(path + ["no-command-or-operand"]) }
        } else {
            try CommandWords.check(path + ["no-command-or-operand"])
        }
    }

    @Test("--help and --version go to standard output and end well")
    func helpAndVersion() throws {
        for arguments in [["--help"], ["query", "--help"], ["help", "run"], ["--version"]] {
            let ending = try #require(CommandsParsingTests.ending(of: arguments))
            #expect(ending.status == 0)
            #expect(!ending.output.isEmpty)
            #expect(ending.error.isEmpty)
        }
    }

    @Test("a path becomes absolute without being resolved")
    func absolutePaths() {
        let here = FileManager.default.currentDirectoryPath
        #expect(AbsolutePath.of("/a/b") == "/a/b")
        #expect(AbsolutePath.of("./a") == here + "/a")
        #expect(AbsolutePath.of("a/../b") == here + "/a/../b")
        #expect(AbsolutePath.of(".") == here)
    }

    private static func ending(of arguments: [String]) -> Ending? {
        do {
            try CommandWords.check(arguments)
            var command = try Tapio.parseAsRoot(arguments)
            // Asking for help is a command of its own, which throws its text.
            if !(command is any AsyncParsableCommand) { try command.run() }
            return nil
        } catch {
            return Ending(of: error)
        }
    }
}
