import TapioEvents

/// `exit`: what a process returned, and which of its system calls failed shortly before, where it returned no 0.
struct ExitRule: ExplanationRule {
    static let name = "exit"
    static let kinds = ["process_exit", "syscall_failed"]
    static let columns = [
        "exit_code", "signal", "core_dumped", "duration_ns", "cpu_ns", "peak_rss_bytes", "syscall", "errno", "error",
    ]
    /// How long before the end a failing call is told of with it.
    static let beforeUs: Int64 = 10_000_000
    /// Failing calls that are told of with an end.
    static let mostCalls = 5
    /// Kinds of failing calls that are remembered of a process.
    private static let mostRemembered = 64
    /// Processes whose failing calls are remembered at a time.
    private static let mostProcesses = 4096
    /// Ends of single processes that are told of; others are counted.
    private static let mostEnds = 10

    private struct Call: Hashable {
        var syscall: String
        var errno: Int64
        var error: String?
    }

    /// Failing calls of one kind.
    private struct Failures {
        var call: Call
        var tally = EventTally()
        var lastUs: Int64 = .min
        /// Whether earlier ones may have been forgotten.
        var isCut = false
    }

    private struct End {
        var row: StoryRow
        var failures: [Failures]
    }

    private let subject: ExplainedSubject
    /// By process, its failing calls, the latest last.
    private var failures: [Int64: [Failures]] = [:]
    private var ends: [End] = []
    /// By process, the place of its end in ``ends``.
    private var endOfPid: [Int64: Int] = [:]
    private var failed = TallyTable<[String]>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row) else { return }
        if row.kind == "syscall_failed" { return remember(row) }
        let signal = row.int("signal") ?? 0
        guard let code = row.int("exit_code"), signal == 0 else { return }
        let before = failures.removeValue(forKey: row.pid) ?? []
        endOfPid[row.pid] = nil
        // What ended well is told only where one process is meant.
        if code == 0 && subject.pid == nil { return }
        if row.isSummary || ends.count >= Self.mostEnds {
            if code != 0 { failed.add(row, to: [row.text("comm") ?? "", String(code)]) }
            return
        }
        endOfPid[row.pid] = ends.count
        ends.append(End(row: row, failures: code == 0 ? [] : before))
    }

    private mutating func remember(_ row: StoryRow) {
        guard row.pid > 0 else { return }
        // A summary may be written after the end of the process whose calls it counts.
        if let end = endOfPid[row.pid], row.lastUs <= ends[end].row.timeUs {
            if ends[end].row.int("exit_code") != 0 { Self.note(row, in: &ends[end].failures) }
            return
        }
        if failures[row.pid] == nil && failures.count >= Self.mostProcesses { return }
        Self.note(row, in: &failures[row.pid, default: []])
    }

    private static func note(_ row: StoryRow, in known: inout [Failures]) {
        guard let errno = row.int("errno") else { return }
        let call = Call(syscall: row.text("syscall") ?? "a system call", errno: errno, error: row.text("error"))
        var latest = Failures(call: call, isCut: known.contains(where: \.isCut))
        if let place = known.firstIndex(where: { $0.call == call }) { latest = known.remove(at: place) }
        latest.tally.add(row)
        latest.lastUs = max(latest.lastUs, row.lastUs)
        if known.count >= mostRemembered {
            known.removeFirst()
            for place in known.indices { known[place].isCut = true }
        }
        known.append(latest)
    }

    func statements() -> [Statement] {
        var all: [Statement] = []
        for end in ends {
            let row = end.row
            var tally = EventTally()
            tally.add(row)
            var text = "\(subject.who(row)) exited with code \(row.int("exit_code") ?? 0)"
            if let duration = row.int("duration_ns") { text += " after \(HumanUnits.duration(ns: duration))" }
            if let cpu = row.int("cpu_ns") { text += ", of which \(HumanUnits.duration(ns: cpu)) on a CPU" }
            let filter = "kind = process_exit and pid = \(row.pid)"
            all.append(Statement(Self.name, .end, text + ".", tally, filter: filter))
            let recent = end.failures.filter { $0.lastUs >= row.timeUs &- Self.beforeUs }
                .sorted { $0.lastUs < $1.lastUs }.suffix(Self.mostCalls)
            all += recent.reversed().map { failure in
                let call = failure.call
                let syscall = TerminalText.escape(call.syscall, limit: 40)
                let words = ErrorWords.error(call.errno, name: call.error)
                let times = (failure.isCut && !failure.tally.isSampled ? "at least " : "") + failure.tally.times
                let delay = HumanUnits.duration(ns: min(Self.beforeUs, max(0, row.timeUs &- failure.lastUs)) * 1000)
                return Statement(
                    Self.name,
                    .end,
                    "Before that, \(syscall) failed with \(words), \(times); the last time \(delay) before.",
                    failure.tally,
                    filter: "kind = syscall_failed and pid = \(row.pid) and errno = \(call.errno)"
                )
            }
        }
        all += failed.top(5).map { key, tally in
            let comm = TerminalText.escape(key[0], limit: 40)
            let text = "\(comm.isEmpty ? "Processes" : comm) exited with code \(key[1]), \(tally.times)."
            return Statement(
                Self.name,
                .end,
                text,
                tally,
                filter: "\(subject.filter("process_exit")) and exit_code = \(key[1])"
            )
        }
        return all
    }
}
