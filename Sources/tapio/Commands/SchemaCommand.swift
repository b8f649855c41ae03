import ArgumentParser
import TapioCollectors
import TapioEvents

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "The columns of the archive: name, type, unit, meaning.",
        discussion: """
            The archive is one wide table. Every kind fills the common columns; a kind's own follow. These names are \
            those of Parquet, JSON and the query language.

            EXAMPLES
              tapio schema                     All kinds, then the common columns.
              tapio schema process_exec        One kind's columns.
              tapio schema --json | jq -r '.kinds[].name'
              tapio schema --markdown          docs/events.md.
            """
    )

    @Argument(help: ArgumentHelp("Show only this kind.", valueName: "kind"))
    var kind: String?

    @Flag(help: "As Markdown.")
    var markdown = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if markdown && output.json { throw ValidationError("--markdown and --json exclude each other") }
    }

    func run() throws {
        let registry = CollectorRegistry.schemas
        var schemas = registry.schemas
        if let kind {
            guard let schema = registry.schema(named: kind) else {
                let names = registry.schemas.map(\.name).joined(separator: ", ")
                throw CommandFailure(
                    .usage,
                    "no kind is named '\(TerminalText.escape(kind, limit: 60))'; there are \(names)"
                )
            }
            schemas = [schema]
        }
        let text = SchemaText(schemas: schemas, isWhole: kind == nil, paint: output.paint)
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(text.document))
        } else {
            for line in markdown ? text.markdown : text.lines { try out.line(line) }
        }
        try out.flush()
    }
}
