import TapioEvents
import TapioQuery

/// An explanation for people, and as JSON.
struct ExplanationText {
    private let explanation: Explanation
    private let archive: String?
    private let paint: Paint

    /// - Parameter archive: The archive as it was named; nil where a query finds it by itself.
    init(_ explanation: Explanation, archive: String?, paint: Paint) {
        self.explanation = explanation
        self.archive = archive
        self.paint = paint
    }

    private static let titles: [(part: Statement.Part, title: String)] = [
        (.end, "How it ended"), (.slowed, "What slowed it"), (.failed, "What failed"),
        (.told, "What Kubernetes says"),
    ]
    /// Gaps that are shown one by one.
    private static let mostGaps = 10
    /// Kinds that are named for a collector that ran.
    private static let mostKinds = 4

    /// All lines.
    var lines: [String] {
        var lines = [paint(.bold, heading)]
        for (part, title) in Self.titles {
            let statements = explanation.statements.filter { $0.part == part }
            if statements.isEmpty { continue }
            lines += ["", paint(.bold, title)]
            for statement in statements { lines += self.lines(statement) }
        }
        if explanation.statements.isEmpty { lines += ["", "No rule has anything to say."] }
        lines += ["", paint(.bold, "What was looked at")]
        lines.append("  " + looked)
        let range = explanation.scope.range
        lines.append("  " + Self.time(range.sinceNs.map { $0 / 1000 }, range.untilNs.map { $0 / 1000 }))
        lines += ["", paint(.bold, "What this archive cannot show")]
        lines += limits.map { "  " + $0 }
        return lines
    }

    /// Who it is about, and when.
    private var heading: String {
        let subject = explanation.scope.subject.text
        guard let life = explanation.scope.life else { return subject }
        var parts = [life.name]
        if let pod = life.pod { parts.append(TerminalText.escape(pod, limit: 200)) }
        if let command = life.command { parts.append(TerminalText.escape(command, limit: 300)) }
        if let start = life.startUs { parts.append("started \(HumanTime.rfc3339(microseconds: start))") }
        parts.append(life.endUs.map { "ended \(HumanTime.rfc3339(microseconds: $0))" } ?? "no row tells of its end")
        return parts.joined(separator: "  ")
    }

    private func lines(_ statement: Statement) -> [String] {
        let style: TerminalStyle = statement.part == .end ? .red : statement.part == .told ? .plain : .yellow
        var lines = ["  " + paint(style, "* ") + statement.text]
        for row in statement.rows { lines.append(paint(.faint, "      \(row.text)")) }
        let more = statement.rowCount - statement.rows.count
        if more > 0 { lines.append(paint(.faint, "      and \(HumanUnits.count(Int64(more))) more rows")) }
        lines.append(paint(.faint, "      \(query(statement))"))
        return lines
    }

    /// The command that shows a statement's rows.
    private func query(_ statement: Statement) -> String {
        var words = ["tapio", "query", ShellText.quoted(statement.filter)]
        words += ["--since", HumanTime.rfc3339(microseconds: statement.sinceUs)]
        words += ["--until", HumanTime.rfc3339(microseconds: statement.untilUs)]
        if let archive { words += ["--archive", ShellText.quoted(archive)] }
        return TerminalText.escape(words.joined(separator: " "))
    }

    /// A part of time, in words.
    private static func time(_ fromUs: Int64?, _ toUs: Int64?) -> String {
        let from = fromUs.map { HumanTime.rfc3339(microseconds: $0) } ?? "the archive's begin"
        let end = fromUs == nil ? "its end" : "the archive's end"
        return "from \(from) to \(toUs.map { HumanTime.rfc3339(microseconds: $0) } ?? end)"
    }

    private var looked: String {
        if explanation.looked.isEmpty { return "no row of the kinds that the rules look at is about it" }
        return explanation.looked.sorted { $0.key < $1.key }
            .map { "\($0.key) \(HumanUnits.count(Int64($0.value)))" }.joined(separator: ", ")
    }

    /// What the answer may lack.
    private var limits: [String] {
        var limits: [String] = []
        if let life = explanation.scope.life, !life.isBornInArchive {
            limits.append("what it did before it was first seen: its start is not in the archive")
        }
        if explanation.scope.life != nil && explanation.scope.life?.endUs == nil {
            limits.append("its end: no row tells of one in that time")
        }
        limits += explanation.gaps.prefix(Self.mostGaps).map(\.text)
        let more = explanation.gaps.count - Self.mostGaps + explanation.moreGaps
        if more > 0 { limits.append("and \(HumanUnits.count(Int64(more))) more gaps") }
        if explanation.sampledRows > 0 {
            limits.append(
                "\(HumanUnits.count(Int64(explanation.sampledRows))) of its rows were sampled: others of the sort are not here, and counts are \"at least\""
            )
        }
        limits += unseen
        if limits.isEmpty {
            limits.append(
                "nothing is known to be missing: no gaps, no sampling, and rows of every kind that the rules look at"
            )
        }
        return limits
    }

    /// Kinds of which there is nothing: a line for each collector, with what shows that it ran.
    private var unseen: [String] {
        let watched = explanation.watched
        let time = Self.time(watched.fromUs, watched.toUs)
        return explanation.unseen.sorted { $0.key < $1.key }.map { collector, kinds in
            let names = kinds.joined(separator: ", ")
            let nothing = "\(names): \(time) there is none, of anybody, in rows or in the ledger's intervals"
            guard let evidence = watched.collectors[collector], !evidence.kinds.isEmpty else {
                return "\(nothing), and nothing there shows that collector \(collector) ran"
            }
            var shown = evidence.kinds.prefix(Self.mostKinds).joined(separator: ", ")
            let more = evidence.kinds.count - Self.mostKinds
            if more > 0 { shown += " and \(more) more" }
            if let from = evidence.fromUs, let to = evidence.toUs {
                shown += "; the ledger has it \(Self.time(from, to))"
            }
            let text =
                "\(nothing); collector \(collector) ran (it told of \(shown)): none happened, or it did not look for them"
            return TerminalText.escape(text)
        }
    }

    /// The explanation as JSON.
    struct Document: Encodable {
        var subject: String
        var process: Process?
        var statements: [Said]
        var lookedAt: [String: Int]
        var unseenKinds: [String: [String]]
        var watched: Watched
        var gaps: [Gap]
        var moreGaps: Int
        var sampledRows: Int
    }

    /// The process that it is about.
    struct Process: Encodable {
        var pid: Int64
        var comm: String
        var command: String?
        var pod: String?
        var start: String?
        var end: String?
    }

    /// A statement.
    struct Said: Encodable {
        var rule: String
        var part: String
        var text: String
        var rows: [Row]
        var rowCount: Int
        var query: String
    }

    /// A row that a statement rests on.
    struct Row: Encodable {
        var ts: String
        var kind: String
        var pid: Int64
        var cpu: Int64
        var seq: Int64
    }

    /// Which collectors ran, in the time in which kinds were looked for; without a bound, from the archive's begin or to its end.
    struct Watched: Encodable {
        var from: String?
        var to: String?
        var collectors: [String: Collector]
    }

    /// What shows that a collector ran.
    struct Collector: Encodable {
        var kinds: [String]
        var from: String?
        var to: String?
    }

    /// A time of which the archive does not tell all.
    struct Gap: Encodable {
        var from: String
        var to: String
        var kind: String?
        var reason: String
        var count: Int64?
    }

    /// The same for programs.
    var document: Document {
        func time(_ us: Int64) -> String { HumanTime.rfc3339(microseconds: us) }
        let life = explanation.scope.life
        return Document(
            subject: explanation.scope.subject.text,
            process: life.map {
                Process(
                    pid: $0.pid,
                    comm: $0.comm,
                    command: $0.command,
                    pod: $0.pod,
                    start: $0.startUs.map(time),
                    end: $0.endUs.map(time)
                )
            },
            statements: explanation.statements.map { statement in
                Said(
                    rule: statement.rule,
                    part: statement.part.rawValue,
                    text: statement.text,
                    rows: statement.rows.map { row in
                        let ts = HumanTime.rfc3339(microseconds: row.timeUs, subMicrosecondNs: Int(row.subNs))
                        return Row(ts: ts, kind: row.kind, pid: row.pid, cpu: row.cpu, seq: row.sequence)
                    },
                    rowCount: statement.rowCount,
                    query: query(statement)
                )
            },
            lookedAt: explanation.looked,
            unseenKinds: explanation.unseen,
            watched: Watched(
                from: explanation.watched.fromUs.map(time),
                to: explanation.watched.toUs.map(time),
                collectors: explanation.watched.collectors.mapValues {
                    Collector(kinds: $0.kinds, from: $0.fromUs.map(time), to: $0.toUs.map(time))
                }
            ),
            gaps: explanation.gaps.map {
                Gap(from: time($0.fromUs), to: time($0.toUs), kind: $0.kind, reason: $0.reason, count: $0.count)
            },
            moreGaps: explanation.moreGaps,
            sampledRows: explanation.sampledRows
        )
    }
}
