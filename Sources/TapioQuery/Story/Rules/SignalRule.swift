import TapioEvents

/// `signal`: which signal ended a process, and who sent it, where that was seen.
struct SignalRule: ExplanationRule {
    static let name = "signal"
    static let kinds = ["signal_death", "signal_sent", "process_exit"]
    static let columns = [
        "signal", "signal_source", "signal_result", "fault_address", "core_dumped", "latency_ns", "duration_ns",
        "sender_pid", "sender_comm", "sender_uid", "target_pid", "target_comm", "exit_code", "start_ts",
    ]
    /// How long before an end a signal may have been sent that is told of with it.
    static let beforeUs: Int64 = 10_000_000
    private static let mostDeaths = 10
    private static let mostSignals = 1024

    private struct Target: Hashable {
        var pid: Int64
        var signal: Int64
    }

    private let subject: ExplainedSubject
    /// Single deaths, by the row that tells most of each.
    private var deaths: [StoryRow] = []
    /// Ends by a signal in rows of kind process_exit.
    private var exits: [StoryRow] = []
    private var sent: [Target: StoryRow] = [:]
    private var more = TallyTable<[String]>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        let signal = row.int("signal") ?? 0
        guard signal > 0 else { return }
        switch row.kind {
        case "signal_sent":
            guard let pid = row.int("target_pid"), !row.isSummary, row.text("signal_result") == "delivered" else {
                return
            }
            let target = Target(pid: pid, signal: signal)
            if sent[target] != nil || sent.count < Self.mostSignals { sent[target] = row }
        case "signal_death":
            guard subject.owns(row) else { return }
            if row.isSummary || deaths.count >= Self.mostDeaths {
                more.add(row, to: [row.text("comm") ?? "", String(signal)])
            } else {
                deaths.append(row)
            }
        default:
            guard subject.owns(row), !row.isSummary, exits.count < Self.mostDeaths else { return }
            exits.append(row)
        }
    }

    func statements() -> [Statement] {
        deaths.map(death) + exits.filter { exit in !deaths.contains { isSame($0, exit) } }.flatMap(exit)
            + more.top(5).map { key, tally in
                let comm = TerminalText.escape(key[0], limit: 40)
                let name = ErrorWords.signal(Int64(key[1]) ?? 0)
                return Statement(
                    Self.name,
                    .end,
                    "\(name) ended \(comm.isEmpty ? "processes" : comm), \(tally.times).",
                    tally,
                    filter: "\(subject.filter("signal_death")) and signal = \(key[1])"
                )
            }
    }

    /// Both rows tell of one end: the number was not given again within the time that lies between them.
    private func isSame(_ death: StoryRow, _ exit: StoryRow) -> Bool {
        death.pid == exit.pid && (death.timeUs &- exit.timeUs).magnitude < UInt64(Self.beforeUs)
    }

    private func death(_ row: StoryRow) -> Statement {
        let signal = row.int("signal") ?? 0
        var text = "\(ErrorWords.signal(signal)) ended \(subject.pid == nil ? row.process() : "it")"
        if let duration = row.int("duration_ns") { text += " after \(HumanUnits.duration(ns: duration))" }
        text += ": \(sender(row))"
        if let latency = row.int("latency_ns") { text += "; it was over \(HumanUnits.duration(ns: latency)) later" }
        if row.int("core_dumped") == 1 { text += "; a core dump was made" }
        var tally = EventTally()
        tally.add(row)
        return Statement(Self.name, .end, text + ".", tally, filter: "kind = signal_death and pid = \(row.pid)")
    }

    /// Who sent the signal of a death, as far as its row tells.
    private func sender(_ row: StoryRow) -> String {
        let source = row.text("signal_source") ?? ""
        if source == "fault" {
            let address = row.text("fault_address").map { " at address 0x\(TerminalText.escape($0, limit: 20))" } ?? ""
            return "the kernel sent it for a fault\(address)"
        }
        if source == "kernel" { return "the kernel sent it" }
        guard let pid = row.int("sender_pid"), pid > 0 else {
            return source.isEmpty
                ? "who sent it was not seen" : "who sent it was not seen (\(TerminalText.escape(source, limit: 20)))"
        }
        if pid == row.pid { return "it sent it to itself" }
        let user = row.int("sender_uid").map { ", user \($0)" } ?? ""
        let call = ["kill", "tkill", "sigqueue"].contains(source) ? " with \(source)()" : ""
        return "\(row.process("sender_comm", "sender_pid")) sent it\(call)\(user)"
    }

    private func exit(_ row: StoryRow) -> [Statement] {
        let signal = row.int("signal") ?? 0
        var tally = EventTally()
        tally.add(row)
        var text = "\(ErrorWords.signal(signal)) ended \(subject.pid == nil ? row.process() : "it")"
        if let duration = row.int("duration_ns") { text += " after \(HumanUnits.duration(ns: duration))" }
        if row.int("core_dumped") == 1 { text += "; a core dump was made" }
        let filter = "kind = process_exit and pid = \(row.pid)"
        let sender = sent[Target(pid: row.pid, signal: signal)].flatMap {
            (0...Self.beforeUs).contains(row.timeUs &- $0.timeUs) ? $0 : nil
        }
        guard let sender else {
            text += "; the row of its end does not tell who sent it, and no other does"
            return [Statement(Self.name, .end, text + ".", tally, filter: filter)]
        }
        var sending = EventTally()
        sending.add(sender)
        let delay = HumanUnits.duration(ns: (row.timeUs &- sender.timeUs) &* 1000)
        return [
            Statement(Self.name, .end, text + ".", tally, filter: filter),
            Statement(
                Self.name,
                .end,
                "\(delay) before that end, \(sender.process()) sent it \(ErrorWords.signal(signal)).",
                sending,
                filter: "kind = signal_sent and target_pid = \(row.pid) and signal = \(signal)"
            ),
        ]
    }
}
