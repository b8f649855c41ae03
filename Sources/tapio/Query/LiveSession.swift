import Glibc
import Synchronization
import TapioAgent
import TapioEvents
import TapioQuery
import TapioRings

/// `tapio query --live`: a thread of its own takes the agent's events, while this one shows what they come to.
struct LiveSession {
    private let client: ControlClient
    private let query: Query
    private let form: AnswerForm
    private let output: OutputOptions
    private let durationNs: Int64?
    private let feed: LiveFeed
    private let out = Output(isLive: true)

    /// Time between two looks, nanoseconds: short for rows, which are shown as they come.
    private static let rowsNs: Int64 = 100_000_000
    private static let tableNs: Int64 = 1_000_000_000

    init(
        _ client: ControlClient,
        _ query: Query,
        _ schema: QuerySchema,
        form: AnswerForm,
        output: OutputOptions,
        durationNs: Int64?
    ) {
        self.client = client
        self.query = query
        self.form = form
        self.output = output
        self.durationNs = durationNs
        feed = LiveFeed(query, schema)
    }

    /// Runs until its time is over, somebody ends it, or the agent does.
    mutating func run() throws -> ExitStatus {
        let before = try client.status()
        let signals = TerminalSignals.start()
        let stream = ControlRequest.EventStream(
            format: .json,
            kinds: LiveQuery.kinds(of: query, among: feed.schema),
            tellsSkipped: true
        )
        try feed.start(client, stream) { SignalPipe.ring() }
        defer { feed.stop() }
        if query.spec.isAggregate {
            try showGroups(signals)
        } else {
            try showRows(signals)
        }
        feed.stop()
        try out.flush()
        return try finish(before)
    }

    private func showRows(_ signals: Int32) throws {
        let writer = try RowWriter(form, query, output, out, isLive: true)
        let limit = query.spec.limit ?? .max
        let end = durationNs.map { ClockOffset.bootNow() + $0 }
        var isOver = false
        while !isOver {
            isOver = wait(signals, upTo: LiveSession.rowsNs, end: end)
            for event in feed.takeEvents() where writer.count < limit { try writer.write(event) }
            try out.flush()
            if writer.count >= limit { break }
        }
        try writer.finish(notes: feed.notes(query))
    }

    private func showGroups(_ signals: Int32) throws {
        let end = durationNs.map { ClockOffset.bootNow() + $0 }
        let isRefreshed = form == .text && isatty(STDOUT_FILENO) == 1
        while !wait(signals, upTo: LiveSession.tableNs, end: end) {
            guard isRefreshed, let table = try feed.table() else { continue }
            try draw(table)
        }
        guard let table = try feed.table() else { return }
        if isRefreshed { try out.text("\u{1b}[H\u{1b}[2J") }
        try form.write(table, of: query, notes: feed.notes(query), to: out)
    }

    /// Shows as much as the screen holds.
    private func draw(_ table: QueryTable) throws {
        let size = TerminalSize(descriptor: STDOUT_FILENO) ?? TerminalSize(columns: 80, rows: 24)
        var lines = QueryOutput.table(table).split(separator: "\n").prefix(max(1, size.rows - 2))
            .map { TerminalText.cut(String($0), to: size.columns) }
        lines.append("\(HumanUnits.count(Int64(clamping: feed.events))) events; Ctrl-C ends it")
        // Home and clear, in one write with the table.
        try out.text("\u{1b}[H\u{1b}[2J" + lines.joined(separator: "\n"))
        try out.flush()
    }

    /// Whether it is over: the time, the agent, or who asked.
    private func wait(_ signals: Int32, upTo ns: Int64, end: Int64?) -> Bool {
        var until = ClockOffset.bootNow() + ns
        if let end { until = min(until, end) }
        while true {
            if feed.isOver { return true }
            let left = until - ClockOffset.bootNow()
            if left <= 0 { return end.map { ClockOffset.bootNow() >= $0 } ?? false }
            var waiting = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&waiting, 1, Int32(left / 1_000_000) + 1) > 0 else { continue }
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = unsafe read(signals, &bytes, bytes.count)
            for byte in bytes.prefix(max(0, count)) {
                switch Int32(byte) {
                case SIGINT, SIGTERM, SIGHUP, SIGQUIT: return true
                case SIGTSTP: raise(SIGSTOP)
                default: break
                }
            }
        }
    }

    /// Says what the answer lacks.
    private func finish(_ before: StatusReport) throws -> ExitStatus {
        if let failure = feed.failure { throw failure }
        var status = ExitStatus.ok
        for note in feed.notes(query) { StandardError.line("tapio: note: \(note)") }
        if feed.skipped > 0 { status = .incomplete }
        guard let after = try? client.status() else {
            StandardError.line("tapio: note: the agent has stopped: what it lost meanwhile is in its archive")
            return .incomplete
        }
        for (kind, lost) in LiveSession.lost(before, after) where query.mayConcern(kind: kind) {
            StandardError.line(
                "tapio: note: gap: \(HumanUnits.count(Int64(clamping: lost))) \(TerminalText.escape(kind)) lost meanwhile"
            )
            status = .incomplete
        }
        return status
    }

    /// What was lost between two reports, by kind.
    static func lost(_ before: StatusReport, _ after: StatusReport) -> [(kind: String, count: UInt64)] {
        let known = Dictionary(before.ledger.map { ($0.kind, $0.counts.lost) }, uniquingKeysWith: { first, _ in first })
        // Another run of the agent counts from nothing.
        let isSame = before.pid == after.pid && before.startedAt == after.startedAt
        return after.ledger.compactMap { line in
            let earlier = isSame ? known[line.kind] ?? 0 : 0
            let lost = line.counts.lost
            return lost > earlier ? (line.kind, lost - earlier) : nil
        }
    }
}

/// The agent's events on their way into an answer, taken by a thread of its own.
final class LiveFeed: Sendable {
    let schema: QuerySchema
    private let answer: Mutex<LiveQuery>
    private let trouble = Mutex<Trouble>(Trouble())

    private struct Trouble {
        var isOver = false
        var isStopped = false
        var failure: (any Error & Sendable)?
    }

    init(_ query: Query, _ schema: QuerySchema) {
        self.schema = schema
        answer = Mutex(LiveQuery(query, schema: schema))
    }

    /// Begins; `onEnd` is called on its thread when there is nothing more.
    func start(
        _ client: ControlClient,
        _ stream: ControlRequest.EventStream,
        onEnd: @escaping @Sendable () -> Void
    ) throws {
        _ = try PinnedThread(name: "tapio-query") { [self] in
            var failure: (any Error & Sendable)?
            do {
                try client.events(stream) { line in
                    do throws(QueryError) {
                        try add(line)
                    } catch {
                        failure = error
                        return false
                    }
                    return !trouble.withLock { $0.isStopped }
                }
            } catch let error as ControlSocketError {
                failure = error
            } catch let error as ControlRefusal {
                failure = error
            } catch {
                failure = ControlRefusal(error: "\(error)")
            }
            trouble.withLock { trouble in
                trouble.failure = failure
                trouble.isOver = true
            }
            onEnd()
        }
    }

    private func add(_ line: ArraySlice<UInt8>) throws(QueryError) {
        // Whoever reads the answer is slow: what the agent cannot send meanwhile, it counts.
        while answer.withLock({ $0.isFull }), !trouble.withLock({ $0.isStopped }) {
            MonotonicClock.sleep(nanoseconds: 10_000_000)
        }
        try answer.withLock { (answer) throws(QueryError) in try answer.add(line) }
    }

    /// Ends it with the next event.
    func stop() { trouble.withLock { $0.isStopped = true } }

    var isOver: Bool { trouble.withLock { $0.isOver } }
    var failure: (any Error)? { trouble.withLock { $0.failure } }
    var skipped: UInt64 { answer.withLock { $0.skipped } }
    var events: UInt64 { answer.withLock { $0.events } }

    /// The rows that passed since the last call.
    func takeEvents() -> [DecodedEvent] { answer.withLock { $0.takeEvents() } }

    /// The groups as of now; nil where no row came yet that makes one.
    func table() throws(QueryError) -> QueryTable? {
        try answer.withLock { (answer) throws(QueryError) in try answer.table() }
    }

    /// What a reader of the answer has to know.
    func notes(_ query: Query) -> [String] {
        answer.withLock { answer in
            var notes = answer.summary.notes
            if answer.skipped > 0 {
                let count = HumanUnits.count(Int64(clamping: answer.skipped))
                notes.append(
                    "incomplete: the live view left out \(count) events that it could not follow; ask the archive for all"
                )
            }
            if answer.malformed > 0 {
                notes.append("\(HumanUnits.count(Int64(clamping: answer.malformed))) lines of the agent were no events")
            }
            return notes
        }
    }
}
