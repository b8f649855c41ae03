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
    /// `range`. Throws where the archive is of several nodes and the subject means something on one only.
    public init(_ subject: Subject, in archive: StoryArchive, range: StoryRange) throws {
        self.subject = subject
        if case .process(let pid, let at) = subject {
            try Self.checkNodes(archive, subject)
            var lives = ProcessLives(pid: pid)
            try archive.forEach(ProcessLives.filter(pid), in: range, columns: ProcessLives.columns) { row in
                lives.add(row)
                return true
            }
            let found = lives.life(atUs: at)
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

    /// What is known of other processes with the same pid: a line, or nil.
    public var note: String? {
        guard let life, !others.isEmpty else { return nil }
        let starts = others.suffix(3).compactMap { other in
            other.startUs.map {
                "\(other.pid)@\(HumanTime.rfc3339(microseconds: $0)) (\(TerminalText.escape(other.comm, limit: 40)))"
            }
        }
        return
            "pid \(life.pid) was \(others.count + 1) processes in that time; this is about \(life.name); others: \(starts.joined(separator: ", "))"
    }
}
