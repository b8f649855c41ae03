import ArgumentParser
import Glibc
import TapioAgent
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioQuery

struct CatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Events as lines, in the order of time; --follow for what happens now.",
        discussion: """
            Times are UTC. With --follow, events come live from the running agent; without one, from the archive as \
            it grows. On a terminal lines are cut at its width. The filter is tapio query's, and so is what is filled in \
            where a row has null (tapio query --help: JOINS); with --follow, rows are shown as they are.

            EXAMPLES
              tapio cat --since 10m
              tapio cat 'kind = process_exec and uid = 0' --since 1h --limit 100
              tapio cat --json --since 5m | jq -r .exe
              tapio cat --follow
              tapio cat --follow --kinds process_exec,tcp_connect
            """
    )

    @Argument(help: ArgumentHelp("Which events; all but the ledger's where there is none.", valueName: "filter"))
    var filter: String = ""

    @Option(help: ArgumentHelp("At most so many events.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Only these kinds, with commas between.", valueName: "names"))
    var kinds: String?

    @Flag(name: [.customShort("f"), .long], help: "Go on with what happens now, until Ctrl-C.")
    var follow = false

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): at least 1") }
        if follow && (range.until != nil || range.between != nil) {
            throw ValidationError("--follow has no end: leave out --until and --between")
        }
    }

    func run() async throws {
        guard follow else { return try showArchive() }
        // A filter and a past are the archive's to answer; live, the agent sends kinds.
        if filter.isEmpty && range.since == nil && archive.archive == nil {
            // The agent leaves out names that it does not know, without a word.
            try QuerySchema(CollectorRegistry.schemas).check(kinds: QueryCommand.list(kinds))
            if try followAgent() { return }
        }
        try await followArchive()
    }

    /// The question as the engine takes it.
    func spec() throws -> QuerySpec {
        var spec = QuerySpec()
        let names = QueryCommand.list(kinds)
        let ofKinds = names.map { "kind = \"\($0)\"" }.joined(separator: " or ")
        spec.filter = [filter, ofKinds].filter { !$0.isEmpty }.map { names.isEmpty ? $0 : "(\($0))" }
            .joined(separator: " and ")
        spec.limit = limit
        spec.joins = !join.isOff
        try range.apply(to: &spec)
        return spec
    }

    private func showArchive() throws {
        let question = try ArchiveQuestion(path: try archive.path(), spec: try spec(), kinds: QueryCommand.list(kinds))
        let out = Output()
        let printer = RowPrinter(output: output)
        var isEmpty = true
        let summary = try question.engine.forEachRow(question.query) { event in
            isEmpty = false
            try out.line(printer.text(event))
            return true
        }
        try out.flush()
        if isEmpty { StandardError.line("tapio: note: no event passes") }
        let status = question.note(summary.notes, isIncomplete: summary.exitCode != 0)
        if status != .ok { throw status.code }
    }

    /// False where no agent listens.
    private func followAgent() throws -> Bool {
        let out = Output(isLive: true)
        var left = limit ?? .max
        var failure: (any Error)?
        let format: ControlRequest.EventStream.Format = output.json ? .json : output.usesColour ? .colour : .text
        let width = output.json ? nil : TerminalSize(descriptor: STDOUT_FILENO)?.columns
        let stream = ControlRequest.EventStream(format: format, kinds: QueryCommand.list(kinds), width: width)
        do {
            try agent.client.events(stream) { line in
                do {
                    try out.line(line)
                } catch {
                    failure = error
                    return false
                }
                left -= 1
                return left > 0
            }
        } catch let error as ControlSocketError where error.step == .connect {
            // Somebody who names a socket means that agent and no other.
            if agent.socket != nil { throw error }
            return false
        }
        if let failure { throw failure }
        return true
    }

    /// Shows what is added to the archive from now on, or from --since.
    private func followArchive() async throws {
        let path = try archive.path()
        let out = Output(isLive: true)
        let printer = RowPrinter(output: output)
        let spec = try spec()
        let follower = ArchiveFollower(sinceNs: spec.sinceNs ?? ClockOffset.utcNow())
        let following = ArchiveFollowing(
            path: path,
            spec: spec,
            kinds: QueryCommand.list(kinds),
            printer: printer,
            out: out
        )
        try await following.run(follower, limit: limit)
    }
}

extension ClockOffset {
    /// UTC nanoseconds since 1970.
    fileprivate static func utcNow() -> Int64 { measure().utcNanoseconds(boot: bootNow()) }
}
