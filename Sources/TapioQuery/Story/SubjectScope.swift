import TapioEvents

/// A subject as one archive knows it: which rows are its own, and when.
public struct SubjectScope: Sendable {
    /// As it was named.
    public let subject: Subject
    /// The time to look at: what was asked for, and of a process only its life.
    public let range: StoryRange
    /// Of a process: what is known of it.
    public let life: ProcessLife?
    /// Of a process: the others that had its pid in the time asked for.
    public let others: [ProcessLife]

    /// Finds the subject in an archive.
    ///
    /// A pid stands for several processes one after the other: the one at the time that the subject names, else the last in
    /// `range`. Throws where the archive is of several nodes and the subject means something on one only, and ``NoSuchLife``
    /// where only others had the pid at another time.
    public init(_ subject: Subject, in archive: StoryArchive, range: StoryRange) throws {
        self.subject = subject
        if case .process(let pid, let at) = subject {
            try Self.checkNodes(archive, subject)
            var lives = ProcessLives(pid: pid)
            let filter = ProcessLives.filter(pid)
            let summary = try archive.forEach(filter, in: range, columns: ProcessLives.columns) { row in
                lives.add(row)
                return true
            }
            let found = lives.life(atUs: at)
            if let at, found == nil, !lives.lives.isEmpty {
                throw NoSuchLife(pid: pid, atUs: at, among: lives, summary: summary)
            }
            life = found
            self.range = found.map { range.within(lives.range(of: $0)) } ?? range
            others = lives.lives.filter { $0.startUs != found?.startUs }
        } else {
            life = nil
            others = []
            self.range = range
        }
    }

    static func checkNodes(_ archive: StoryArchive, _ subject: Subject) throws(QueryError) {
        let nodes = archive.nodes
        guard nodes.count > 1 else { return }
        let names = nodes.prefix(5).map { "node=" + $0 }.joined(separator: ", ")
        throw QueryError(
            "a pid is a process of one node, and this archive is of \(nodes.count): name one of them with --archive (\(names))"
        )
    }

    /// The time in which a gap may hide something about the subject: of a process not long after its end.
    var gapRange: StoryRange {
        guard let end = life?.endUs else { return range }
        let (ns, isFar) = (end &+ Self.afterEndUs).multipliedReportingOverflow(by: 1000)
        return isFar ? range : range.within(StoryRange(untilNs: ns))
    }

    /// Connections and the like of a process are over a while after itself.
    private static let afterEndUs: Int64 = 1_000_000

    /// Other processes with the same pid that are named at most.
    private static let mostOthers = 5

    /// What is known of other processes with the same pid: a line, or nil. Those that did not end in order come first, since it
    /// is they that are asked for, then the last.
    public var note: String? {
        guard let life, !others.isEmpty else { return nil }
        let failed = others.filter { $0.failure != nil }.suffix(Self.mostOthers)
        let rest = others.filter { $0.failure == nil }.suffix(Self.mostOthers - failed.count)
        var names = (failed + rest).map(\.subject).joined(separator: ", ")
        let more = others.count - failed.count - rest.count
        if more > 0 { names += ", and \(HumanUnits.count(Int64(more))) more" }
        return
            "pid \(life.pid) was \(others.count + 1) processes in that time; this is about \(life.name); others: \(names)"
    }
}

/// No process had a pid at the time that was asked for, though others had it before or after.
public struct NoSuchLife: Error, Sendable, Hashable, CustomStringConvertible {
    /// One line, safe for a terminal, with the processes before and after that time.
    public let description: String
    /// What the scan met: where parts were skipped, they may tell of a process that had it then.
    public let summary: ScanSummary

    init(pid: Int64, atUs: Int64, among lives: ProcessLives, summary: ScanSummary) {
        self.summary = summary
        let (before, next) = lives.around(atUs)
        var text = "no process is known to have had pid \(pid) at \(HumanTime.rfc3339(microseconds: atUs))"
        if let next { text += "; the next is \(next.subject)" }
        if let before {
            text += "; the one before is \(before.subject)"
            if let end = before.endUs { text += ", which ended \(HumanTime.rfc3339(microseconds: end))" }
        }
        description = text
    }
}

extension ProcessLife {
    /// As a subject is named, with its name and how it ended where that was not in order; safe for a terminal.
    fileprivate var subject: String {
        let time = startUs.map { "@" + HumanTime.rfc3339(microseconds: $0) } ?? ""
        return "\(pid)\(time) (\(TerminalText.escape(comm, limit: 40))\(failure.map { ", \($0)" } ?? ""))"
    }
}
