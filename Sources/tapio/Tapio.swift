import ArgumentParser
import Glibc
import TapioAgent

/// The program: parses, runs one command, and ends with its exit code.
@main
struct Tapio: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tapio",
        abstract: "Watch what the kernel does, keep it as Parquet, and account for every event.",
        discussion: """
            The agent (tapio run) writes an archive that these commands, DuckDB, pandas, polars, ClickHouse and Spark \
            read. The others ask a running agent, or read an archive; they need no agent for that.

            EXAMPLES
              tapio doctor               What works on this machine, what would help.
              sudo tapio run --for 30s   Watch for half a minute, keep what happened.
              tapio status               How the agent is.
              tapio top                  What happens right now.
              tapio cat --follow         Events as they happen.
              tapio query 'kind = process_exec' --by comm --top 10
              tapio explain 4711         Why it died or slowed, with the rows.
              tapio verify               Prove that the archive is whole.

            EXIT CODES
            \(ExitStatus.documentation)

            ENVIRONMENT
              TAPIO_ARCHIVE_PATH   The archive, where --archive names none.
              NO_COLOR             Set: no colours.
            """,
        version: TapioVersion.current,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(
                name: "Agent",
                subcommands: [
                    RunCommand.self, StatusCommand.self, TopCommand.self, LedgerCommand.self, DoctorCommand.self,
                    ReloadCommand.self, CollectorsCommand.self, ConfigCommand.self, BugreportCommand.self,
                ]
            ),
            CommandGroup(
                name: "Archive",
                subcommands: [
                    QueryCommand.self, CatCommand.self, TailCommand.self, TimelineCommand.self, TreeCommand.self,
                    ExplainCommand.self, ReportCommand.self, SQLCommand.self, ListCommand.self, SchemaCommand.self,
                    VerifyCommand.self,
                    RepairCommand.self, ExportCommand.self, MergeCommand.self, CompactCommand.self, ReplayCommand.self,
                ]
            ),
            CommandGroup(name: "Other", subcommands: [BenchCommand.self, VersionCommand.self, ManualCommand.self]),
        ]
    )

    static func main() async {
        // A reader that goes away is an error of our write, which ends the command silently.
        signal(SIGPIPE, SIG_IGN)
        do {
            try CommandWords.check(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Ending(of: error).end()
        }
    }
}
