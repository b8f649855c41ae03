import ArgumentParser
import TapioCollectors
import TapioEvents
import TapioQuery

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "The archive's last events as lines; -f for those that are added.",
        discussion: """
            It reads no more of the archive than the last events need. With -f it goes on with what an agent adds, which \
            is there after the agent's flush interval; tapio cat --follow asks the agent itself and is faster. Filter and \
            lines are tapio cat's.

            EXAMPLES
              tapio tail
              tapio tail -n 100 'kind = process_exit and exit_code != 0'
              tapio tail -f --kinds tcp_failed,dns_timeout
              tapio tail -n 0 -f --json
            """
    )

    @Argument(help: ArgumentHelp("Which events; all but the ledger's where there is none.", valueName: "filter"))
    var filter: String = ""

    @Option(
        name: [.customShort("n"), .customLong("lines")],
        parsing: .unconditional,
        help: ArgumentHelp("So many of the last events; up to 100000.", valueName: "n")
    )
    var lines = 10

    @Flag(name: [.customShort("f"), .long], help: "Go on with what is added, until Ctrl-C.")
    var follow = false

    @Option(help: ArgumentHelp("Only these kinds, with commas between.", valueName: "names"))
    var kinds: String?

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    /// Events that are held at most.
    private static let mostLines = 100_000
    /// The first part of time that is looked at, nanoseconds: about what a busy node writes a thousand events in.
    private static let firstWindowNs: Int64 = 1_000_000_000

    func validate() throws {
        guard (0...TailCommand.mostLines).contains(lines) else {
            throw ValidationError("-n \(lines): 0 to \(TailCommand.mostLines)")
        }
        if follow, range.until != nil || range.between != nil {
            throw ValidationError("-f has no end: leave out --until and --between")
        }
    }

    /// The question as the engine takes it.
    func spec() throws -> QuerySpec {
        var spec = QuerySpec()
        let names = QueryCommand.list(kinds)
        let ofKinds = names.map { "kind = \"\($0)\"" }.joined(separator: " or ")
        spec.filter = [filter, ofKinds].filter { !$0.isEmpty }.map { names.isEmpty ? $0 : "(\($0))" }
            .joined(separator: " and ")
        spec.joins = !join.isOff
        try range.apply(to: &spec)
        return spec
    }

    func run() async throws {
        let path = try archive.path()
        let spec = try spec()
        let out = Output(isLive: follow)
        let printer = RowPrinter(output: output)
        let question = try ArchiveQuestion(path: path, spec: spec, kinds: QueryCommand.list(kinds))
        let (events, summary) = try last(question)
        for event in events { try out.line(printer.text(event)) }
        try out.flush()
        guard follow else {
            if events.isEmpty && lines > 0 { StandardError.line("tapio: note: no event passes") }
            let status = question.note(summary.notes, isIncomplete: summary.exitCode != 0)
            if status != .ok { throw status.code }
            return
        }
        var begin = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
        if case .timestamp(let us)? = events.first?["ts"] {
            begin = us.multipliedReportingOverflow(by: 1000).partialValue
        }
        var follower = ArchiveFollower(sinceNs: begin)
        for event in events { _ = follower.isNew(event) }
        let following = ArchiveFollowing(
            path: path,
            spec: spec,
            kinds: QueryCommand.list(kinds),
            printer: printer,
            out: out
        )
        try await following.run(follower, limit: nil)
    }

    /// The last events that pass, in the order of time: looks back further and further until there are enough.
    private func last(_ question: ArchiveQuestion) throws -> ([DecodedEvent], ScanSummary) {
        guard lines > 0 else { return ([], ScanSummary()) }
        let segments = question.source.segments
        let ends = segments.compactMap { $0.timestampsNs?.upperBound }
        let begins = segments.compactMap { $0.timestampsNs?.lowerBound }
        // An open segment goes on, and of one that was saved nothing may be known.
        let isKnown = ends.count == segments.count && !segments.contains(where: \.isOpen)
        let now = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
        var spec = question.query.spec
        let end = spec.untilNs ?? (isKnown ? ends.max() : nil) ?? max(now, ends.max() ?? now)
        let begin = max(spec.sinceNs ?? .min, (begins.count == segments.count ? begins.min() : nil) ?? .min)
        let schema = question.source.schema(QuerySchema(CollectorRegistry.schemas)).addingJoins()
        var window = TailCommand.firstWindowNs
        while true {
            let (since, isFar) = end.subtractingReportingOverflow(window)
            let isWhole = isFar || since <= begin || window == .max
            spec.sinceNs = isWhole ? question.query.spec.sinceNs : since
            var ring = LastEvents(most: lines)
            let summary = try question.engine.forEachRow(try Query(spec, schema: schema)) { event in
                ring.add(event)
                return true
            }
            if isWhole || ring.isFull { return (ring.events, summary) }
            window = window.multipliedReportingOverflow(by: 8).overflow ? .max : window * 8
        }
    }
}

/// The last so many of the events that come.
private struct LastEvents {
    private let most: Int
    private var held: [DecodedEvent] = []
    private var next = 0

    init(most: Int) {
        self.most = most
    }

    var isFull: Bool { held.count == most }

    /// In the order in which they came.
    var events: [DecodedEvent] { isFull ? Array(held[next...] + held[..<next]) : held }

    mutating func add(_ event: DecodedEvent) {
        if held.count < most { return held.append(event) }
        held[next] = event
        next = (next + 1) % most
    }
}
