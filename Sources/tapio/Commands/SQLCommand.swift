import ArgumentParser
import Glibc
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioQuery

struct SQLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql",
        abstract: "The statements by which DuckDB or ClickHouse reads an archive.",
        discussion: """
            Prints CREATE statements; whatever runs them needs no Tapio. docs/sql.md has questions to ask then, also for \
            polars and pandas.

              tapio_rows        All rows as they were written, the ledger's too.
              tapio_events      All events, with what was found out later
                                (tapio query --help: JOINS).
              tapio_KIND        The events of one kind, with the columns that they fill.
              tapio_ledger      What became of all events.
              tapio_gaps        What was lost, when and why.
              tapio_container, tapio_pod, tapio_process, tapio_service, tapio_dns
                                The tables beside the archive: what held when.
              tapio_low, tapio_high
                                To call: the 95 % interval around sum(weight).

            Views see what is sealed when they are asked, new segments too. Run it again for a table or a column that \
            the archive did not have before. Exit code 3 when the archive has files that cannot be read, or that \
            disturb the views.

            EXAMPLES
              tapio sql ./tapio-archive > views.sql && duckdb -init views.sql
              tapio sql --dialect clickhouse ./tapio-archive > views.sql
              tapio sql --view tapio_gaps,tapio_tcp_close
              tapio sql --json | jq -r '.statements[].name'
            """
    )

    @Argument(
        help: ArgumentHelp("An archive, a node's directory, or one file. Default: as --archive.", valueName: "path")
    )
    var path: String?

    @Option(help: ArgumentHelp("For which reader: \(SQLCommand.dialects).", valueName: "name"))
    var dialect = SQLDialect.duckdb.rawValue

    @Option(help: ArgumentHelp("Only these views, with what they need; with commas between.", valueName: "names"))
    var view: String?

    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    private static let dialects = SQLDialect.allCases.map(\.rawValue).joined(separator: ", ")

    private struct Answer: Encodable {
        var path: String
        var dialect: String
        var statements: [Entry]
        var warnings: [String]
    }

    private struct Entry: Encodable {
        var name: String
        var sort: SQLStatement.Sort
        var summary: String
        var needs: [String]
        var statement: String
    }

    func validate() throws {
        try ArchiveAccess.refuseTwo(path, archive)
        if SQLDialect(rawValue: dialect) == nil {
            throw ValidationError("no dialect is named '\(dialect)'; there are \(SQLCommand.dialects)")
        }
    }

    func run() throws {
        let path = AbsolutePath.of(try path ?? archive.path())
        let facts = try facts(path)
        let views: SQLViews
        do throws(SQLPathError) {
            views = try SQLViews(facts, CollectorRegistry.schemas, SQLDialect(rawValue: dialect) ?? .duckdb)
        } catch {
            throw CommandFailure(.failed, "\(TerminalText.escape(path)): \(error)")
        }
        let statements = try chosen(views)
        try ArchiveAccess.refuseStrangers(path, hasSegments: facts.hasSegments, warnings: facts.warnings)
        let out = Output()
        if output.json {
            let entries = statements.map { statement in
                Entry(
                    name: statement.name,
                    sort: statement.sort,
                    summary: statement.summary.split(separator: "\n").joined(separator: " "),
                    needs: statement.needs,
                    statement: statement.text
                )
            }
            try out.line(
                JSONOutput.text(
                    Answer(path: path, dialect: views.dialect.rawValue, statements: entries, warnings: facts.warnings)
                )
            )
        } else {
            try out.line("-- A Tapio archive for \(views.dialect.title), written by tapio sql. Columns: tapio schema.")
            for statement in statements { try out.line("\n" + statement.commented) }
        }
        try out.flush()
        guard !output.json else { return try end(facts) }
        if !facts.hasSegments {
            let shown = TerminalText.escape(path)
            StandardError.line("tapio: note: there is no sealed segment in \(shown) yet; the views are empty")
        }
        for warning in facts.warnings { StandardError.warning(TerminalText.escape(warning)) }
        ArchiveAccess.note(newerSchemaVersion: facts.newerSchemaVersion)
        try end(facts)
    }

    private func facts(_ path: String) throws -> SQLArchive {
        var form = stat()
        if unsafe stat(path, &form) == 0, form.st_mode & S_IFMT == S_IFREG { _ = try ArchiveAccess.reader(path) }
        do {
            return try SQLArchive(path: path)
        } catch let error as FileError {
            throw ArchiveAccess.failure(error, path: path)
        }
    }

    private func chosen(_ views: SQLViews) throws -> [SQLStatement] {
        guard let view else { return views.statements }
        let names = QueryCommand.list(view)
        for name in names where views.making([name]) == nil {
            let shown = TerminalText.escape(name, limit: 60)
            let hint = views.nearest(to: name).map { "; did you mean '\($0)'?" } ?? "; see tapio sql --help"
            throw CommandFailure(.usage, "no view is named '\(shown)'\(hint)")
        }
        return views.making(names) ?? []
    }

    private func end(_ facts: SQLArchive) throws {
        if !facts.warnings.isEmpty { throw ExitStatus.incomplete.code }
    }
}
