import Foundation
import TapioTestSupport
import Testing

@Suite("tapio sql") struct SQLCommandTests {
    /// Makes the views and prints the first row of what each question answers, or that it is refused.
    private static let script = """
        import sys
        engine, views = sys.argv[1:3]
        if engine == 'duckdb':
            import duckdb
            duckdb.execute(open(views).read())
            run = lambda text: duckdb.sql(text).fetchall()[0]
        else:
            import chdb.session
            session = chdb.session.Session()
            for statement in ['CREATE DATABASE tapio', 'USE tapio', open(views).read()]: session.query(statement)
            run = lambda text: str(session.query(text, 'TSVRaw')).strip().split('\\t')
        for question in sys.argv[3:]:
            try:
                print(*run(question))
            except Exception:
                print('refused')
        """

    private static let hasPython = EndToEnd.OtherReadersTests.isThere || EndToEnd.OtherReadersTests.isRequired
    private static let dialects = ["duckdb", "clickhouse"]

    private func ask(
        _ dialect: String,
        _ archive: String,
        _ questions: [String],
        ending status: Int32 = 0
    ) throws -> [String] {
        let views = try CommandsBinary.run(["sql", archive, "--dialect", dialect])
        #expect(views.status == status, "\(views.error)")
        let place = TemporaryDirectory()
        let file = place.file("views.sql")
        TestFile.write(file, views.output)
        let line = [EndToEnd.OtherReadersTests.python, "-c", Self.script, dialect, file]
        return try InteractiveProcess.run(line + questions).split(separator: "\n").map(String.init)
    }

    @Test(
        "an archive of a later version: its kinds have views and its columns are read",
        .enabled(if: hasPython),
        arguments: dialects
    )
    func laterVersion(dialect: String) throws {
        let archive = try LaterArchive()
        let question = "select count(*), sum(flux), min(hour) from tapio_quantum_leap where node = 'n1'"
        #expect(try ask(dialect, archive.path, [question]) == ["100 4950 12"])
    }

    @Test(
        "an archive of a later version is listed and shown",
        arguments: [["ls"], ["cat"], ["query", "--by", "kind"]]
    )
    func laterVersionElsewhere(command: [String]) throws {
        let archive = try LaterArchive()
        let result = try CommandsBinary.run(command + ["--archive", archive.path])
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.contains(LaterArchive.kind), "\(result.output)")
    }

    @Test("a node's directory and a single file are archives too", .enabled(if: hasPython), arguments: dialects)
    func parts(dialect: String) throws {
        let archive = try LaterArchive(days: 2)
        let question = "select count(*), sum(flux), count(distinct date) from tapio_quantum_leap"
        #expect(try ask(dialect, archive.path + "/node=n1", [question]) == ["200 9900 2"])
        let file = try #require(TestFile.find(archive.path, suffix: ".parquet").first)
        #expect(try ask(dialect, file, [question]) == ["100 4950 1"])
        // Copied to where no directory tells node and time.
        let copy = archive.place.file("copy.parquet")
        TestFile.write(copy, try #require(TestFile.read(file)))
        #expect(try ask(dialect, copy, [question]) == ["100 4950 0"])
    }

    @Test("an empty archive has all views, and nothing in them", .enabled(if: hasPython), arguments: dialects)
    func empty(dialect: String) throws {
        let place = TemporaryDirectory()
        let views = ["tapio_rows", "tapio_events", "tapio_tcp_close", "tapio_gaps", "tapio_ledger", "tapio_process"]
        let answers = try ask(dialect, place.path, views.map { "select count(*) from \($0)" })
        #expect(answers == views.map { _ in "0" })
        let result = try CommandsBinary.run(["sql", place.path])
        #expect(result.error.contains("no sealed segment"), "\(result.error)")
    }

    @Test(
        "a day, an hour or a node that is asked for is all that is opened",
        .enabled(if: hasPython),
        arguments: dialects
    )
    func pruning(dialect: String) throws {
        let archive = try LaterArchive(days: 3)
        // Whoever opens this, fails.
        let hour = archive.path + "/node=n1/date=2099-01-01/hour=00"
        try FileManager.default.createDirectory(atPath: hour, withIntermediateDirectories: true)
        TestFile.write(hour + "/4070908800000000-0a1b2c3d-000099.parquet", [UInt8](repeating: 0x2a, count: 4096))
        let questions = [
            "select sum(flux) from tapio_quantum_leap where date = '2026-03-02'",
            "select sum(flux) from tapio_rows where date = '2026-03-02' and hour = 12 and node = 'n1'",
            "select sum(flux) from tapio_events where date < '2027-01-01'",
            "select sum(flux) from tapio_rows where hour = 12", "select sum(flux) from tapio_rows",
        ]
        let answers = try ask(dialect, archive.path, questions, ending: 3)
        #expect(answers == ["4950", "4950", "14850", "14850", "refused"])
    }

    @Test("a segment that was cut off is named by those that do not read it", arguments: ["ls", "sql", "compact"])
    func cutOff(command: String) throws {
        let archive = try LaterArchive(days: 2)
        let file = try #require(TestFile.find(archive.path, suffix: ".parquet").first)
        let bytes = try #require(TestFile.read(file))
        TestFile.write(file, Array(bytes.dropLast(8)))
        let result = try CommandsBinary.run([command, "--archive", archive.path])
        #expect(result.status == 3, "\(result.error)")
        let name = try #require(file.split(separator: "/").last)
        let lines = result.error.split(separator: "\n")
        #expect(lines.contains { $0.contains("\(name) is damaged") && $0.contains("tapio repair") }, "\(result.error)")
        #expect(command != "ls" || result.output.contains("damaged"), "\(result.output)")
    }

    @Test("names of a path are quoted, or refused where a reader has no way to")
    func paths() throws {
        for (name, dialect) in [("back\\slash", "duckdb"), ("a*", "clickhouse")] {
            let place = TemporaryDirectory()
            let path = place.file(name)
            #expect(mkdir(path, 0o755) == 0)
            let result = try CommandsBinary.run(["sql", "--dialect", dialect, path])
            #expect(result.status == 1 && result.output == "")
            #expect(result.error.contains("symbolic link"), "\(result.error)")
            #expect(result.error.split(separator: "\n").count == 1)
        }
    }

    @Test("a name with quotes, brackets and spaces is read", .enabled(if: hasPython), arguments: dialects)
    func quotes(dialect: String) throws {
        let archive = try LaterArchive(named: "it's [a] \"name\"; --")
        #expect(try ask(dialect, archive.path, ["select sum(flux) from tapio_quantum_leap"]) == ["4950"])
    }

    @Test("--view prints a view with what it needs; --json holds the same statements")
    func choice() throws {
        let archive = try LaterArchive()
        let gaps = try CommandsBinary.run(["sql", archive.path, "--view", "tapio_gaps"])
        #expect(gaps.status == 0)
        #expect(gaps.output.contains("VIEW tapio_rows ") && gaps.output.contains("VIEW tapio_gaps "))
        #expect(!gaps.output.contains("tapio_events"))
        let wrong = try CommandsBinary.run(["sql", archive.path, "--view", "tapio_gap"])
        #expect(wrong.status == 2 && wrong.error.contains("did you mean 'tapio_gaps'?"), "\(wrong.error)")

        struct Document: Decodable {
            struct Statement: Decodable {
                var name: String
                var needs: [String]
                var statement: String
            }
            var dialect: String
            var statements: [Statement]
        }
        let whole = try CommandsBinary.run(["sql", archive.path]).output
        let json = try CommandsBinary.run(["sql", archive.path, "--json"])
        let document = try JSONDecoder().decode(Document.self, from: Data(json.output.utf8))
        #expect(document.dialect == "duckdb")
        var made: Set<String> = []
        for statement in document.statements {
            #expect(whole.contains(statement.statement), "\(statement.name)")
            #expect(made.isSuperset(of: statement.needs), "\(statement.name) stands before what it needs")
            #expect(made.insert(statement.name).inserted, "\(statement.name) twice")
        }
        #expect(made.contains("tapio_quantum_leap"))
    }

    @Test(
        "a pipe that head closes ends it silently",
        arguments: ["sql", "sql --json", "ls", "ls --json", "cat", "schema"]
    )
    func head(command: String) throws {
        let archive = try LaterArchive(rows: 2000)
        let place = command == "schema" ? "" : "--archive '\(archive.path)'"
        let result = try CommandsBinary.shell("\"$TAPIO\" \(command) \(place) | head -1")
        #expect(result.status == 0)
        let notes = result.error.split(separator: "\n")
        #expect(notes.allSatisfy { $0.contains("written by a newer version") }, "\(result.error)")
        #expect(result.output.split(separator: "\n").count == 1)
    }
}
