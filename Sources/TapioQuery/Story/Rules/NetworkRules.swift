import TapioEvents

/// `dns`: name servers that failed, did not answer, answered late, or knew no such name.
struct DNSRule: ExplanationRule {
    static let name = "dns"
    static let kinds = ["dns_failed", "dns_timeout", "dns_query"]
    static let columns = [
        "dns_name", "dns_type", "dns_code", "dns_slow", "latency_ns", "dst_addr", "dst_port", "protocol",
    ]
    /// Names that are told of.
    private static let named = 5

    private struct Question: Hashable {
        var kind: String
        var code: String
        var name: String?
        var server: String?
    }

    private let subject: ExplainedSubject
    private var questions = TallyTable<Question>()
    private var slow: (tally: EventTally, slowest: StoryRow)?

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row) else { return }
        let code = row.text("dns_code") ?? ""
        if row.kind != "dns_query" || code == "NXDOMAIN" {
            questions.add(
                row,
                to: Question(kind: row.kind, code: code, name: row.text("dns_name"), server: row.text("dst_addr"))
            )
        }
        guard row.int("dns_slow") == 1, let latency = row.int("latency_ns") else { return }
        var entry = slow ?? (EventTally(), row)
        entry.tally.add(row)
        if latency > entry.slowest.int("latency_ns") ?? 0 { entry.slowest = row }
        slow = entry
    }

    func statements() -> [Statement] {
        var all = questions.top(Self.named).map { question, tally in
            let name = question.name.map { TerminalText.escape($0, limit: 100) } ?? "names that the rows do not tell"
            let server = question.server.map { "Name server \(TerminalText.escape($0, limit: 60))" } ?? "A name server"
            let text =
                switch question.kind {
                case "dns_timeout": "\(server) did not answer about \(name), \(tally.times)."
                case "dns_failed":
                    "\(server) answered \(TerminalText.escape(question.code, limit: 20)) about \(name), \(tally.times)."
                default: "\(server) said that there is no name \(name), \(tally.times)."
                }
            var filter = subject.filter(question.kind)
            if question.kind == "dns_query" { filter += " and dns_code = NXDOMAIN" }
            return Statement(Self.name, .failed, text, tally, filter: filter)
        }
        if let slow {
            let latency = HumanUnits.duration(ns: slow.slowest.int("latency_ns") ?? 0)
            let name = slow.slowest.text("dns_name").map { " (\(TerminalText.escape($0, limit: 100)))" } ?? ""
            all.append(
                Statement(
                    Self.name,
                    .slowed,
                    "Name servers answered late, \(slow.tally.times); the slowest took \(latency)\(name).",
                    slow.tally,
                    filter: "\(subject.filter(Self.kinds[2], Self.kinds[0])) and dns_slow = 1"
                )
            )
        }
        return all
    }
}

/// `connect`: TCP connections that could not be opened.
struct ConnectRule: ExplanationRule {
    static let name = "connect"
    static let kinds = ["tcp_failed"]
    static let columns = [
        "dst_addr", "dst_port", "src_port", "direction", "errno", "latency_ns", "retransmits", "dst_name",
        "dst_service",
    ]
    private static let named = 5

    private struct Target: Hashable {
        var remote: String
        var address: String?
        var errno: Int64
        var isInbound: Bool
    }

    private let subject: ExplainedSubject
    private var targets = TallyTable<Target>()
    private var longest: [Target: Int64] = [:]

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row) else { return }
        let target = Target(
            remote: row.remote,
            address: row.text("dst_addr"),
            errno: row.int("errno") ?? 0,
            isInbound: row.text("direction") == "inbound"
        )
        targets.add(row, to: target)
        guard targets.tallies[target] != nil, let tried = row.int("agg_max") ?? row.int("latency_ns") else { return }
        longest[target] = max(longest[target] ?? 0, tried)
    }

    func statements() -> [Statement] {
        targets.top(Self.named).map { target, tally in
            let why = target.errno > 0 ? ": \(ErrorWords.error(target.errno))" : ""
            let tried = longest[target].map { "; it was tried for at most \(HumanUnits.duration(ns: $0))" } ?? ""
            return Statement(
                Self.name,
                .failed,
                "A TCP connection \(target.isInbound ? "from" : "to") \(target.remote) could not be opened\(why), \(tally.times)\(tried).",
                tally,
                filter: subject.filter("tcp_failed") + Self.only(target.address)
            )
        }
    }

    /// The part of a filter for one address.
    static func only(_ address: String?) -> String {
        address.map { " and " + FilterText.equals("dst_addr", $0) } ?? ""
    }
}

/// `retransmits`: segments that were sent again since nobody acknowledged them.
struct RetransmitRule: ExplanationRule {
    static let name = "retransmits"
    static let kinds = ["tcp_retransmit"]
    static let columns = ["dst_addr", "dst_port", "dst_name", "dst_service"]

    private struct Target: Hashable {
        var remote: String
        var address: String?
    }

    private let subject: ExplainedSubject
    private var targets = TallyTable<Target>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        if subject.owns(row) { targets.add(row, to: Target(remote: row.remote, address: row.text("dst_addr"))) }
    }

    func statements() -> [Statement] {
        targets.top(5).map { target, tally in
            Statement(
                Self.name,
                .slowed,
                "A TCP segment to \(target.remote) was sent again, \(tally.times).",
                tally,
                filter: subject.filter("tcp_retransmit") + ConnectRule.only(target.address)
            )
        }
    }
}

/// `reset`: connections that the other end reset, or that an error broke.
struct ResetRule: ExplanationRule {
    static let name = "reset"
    static let kinds = ["tcp_reset", "tcp_close"]
    static let columns = ["dst_addr", "dst_port", "reset_direction", "errno", "dst_name", "dst_service"]

    private struct Target: Hashable {
        var remote: String
        var address: String?
        var errno: Int64
    }

    private let subject: ExplainedSubject
    private var resets = TallyTable<Target>()
    private var broken = TallyTable<Target>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row) else { return }
        if row.kind == "tcp_reset" {
            guard row.text("reset_direction") == "received" else { return }
            resets.add(row, to: Target(remote: row.remote, address: row.text("dst_addr"), errno: 0))
        } else if let errno = row.int("errno"), errno > 0 {
            broken.add(row, to: Target(remote: row.remote, address: row.text("dst_addr"), errno: errno))
        }
    }

    func statements() -> [Statement] {
        resets.top(5).map { target, tally in
            Statement(
                Self.name,
                .failed,
                "A TCP reset came from \(target.remote), \(tally.times).",
                tally,
                filter: "\(subject.filter("tcp_reset")) and reset_direction = received"
                    + ConnectRule.only(target.address)
            )
        }
            + broken.top(5).map { target, tally in
                Statement(
                    Self.name,
                    .failed,
                    "A TCP connection with \(target.remote) ended with \(ErrorWords.error(target.errno)), \(tally.times).",
                    tally,
                    filter: "\(subject.filter("tcp_close")) and errno = \(target.errno)"
                        + ConnectRule.only(target.address)
                )
            }
    }
}
