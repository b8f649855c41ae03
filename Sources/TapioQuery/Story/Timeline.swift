import TapioEvents

/// Everything that happened to a subject, in the order of time and across kinds, with the gaps where they lie.
public struct Timeline: Sendable {
    /// An entry.
    public enum Entry: Sendable, Hashable {
        /// Something that happened.
        case event(StoryRow)
        /// A time that the archive does not tell all of: given before the first event that is not before its begin.
        case gap(StoryGap)
    }

    /// Of whom.
    public let scope: SubjectScope
    /// The filter that its events pass.
    public let filter: String
    private let archive: StoryArchive
    private let gaps: StoryGaps

    /// Gaps that are not shown since there are too many.
    public var moreGaps: Int { gaps.more }
    /// Whether something is known to be missing.
    public var hasGaps: Bool { !gaps.gaps.isEmpty }

    /// Whether the subject has more processes than signals from outside are looked for.
    public let leavesOutSignals: Bool

    /// Pids of a pod or container whose signals from outside are looked for.
    private static let mostTargets = 1000

    /// - Parameter kinds: Only these; all but the ledger's where there is none.
    public init(_ subject: Subject, in archive: StoryArchive, range: StoryRange, kinds: [String] = []) throws {
        try archive.schema.check(kinds: kinds)
        scope = try SubjectScope(subject, in: archive, range: range)
        self.archive = archive
        var filter = subject.filter(isOwn: false)
        let targets = try Self.targets(subject, archive, scope.range)
        if let targets { filter = "(\(filter) or \(targets.filter))" }
        leavesOutSignals = targets?.isCut ?? false
        if !kinds.isEmpty { filter = "\(FilterText.kinds(kinds.map { "\"\($0)\"" })) and \(filter)" }
        self.filter = filter
        gaps = try StoryGaps.read(archive, in: scope.gapRange, kinds: kinds.isEmpty ? nil : Set(kinds))
    }

    /// What others did to the processes of a pod or container: those rows name only the pid.
    private static func targets(
        _ subject: Subject,
        _ archive: StoryArchive,
        _ range: StoryRange
    ) throws -> (filter: String, isCut: Bool)? {
        switch subject {
        case .pod, .container: break
        case .process, .address, .comm: return nil
        }
        // A pid that another process had too would bring in what was done to that one.
        var lives: [Int64: Set<Int64>] = [:]
        try archive.forEach(
            "kind in (process_existing, process_exec, process_exit) and \(subject.filter(isOwn: true))",
            in: range,
            columns: ["ts", "kind", "pid", "start_ts"]
        ) { row in
            if row.pid > 0, let start = row.time("start_ts") { lives[row.pid, default: []].insert(start) }
            return lives.count < mostTargets
        }
        guard !lives.isEmpty else { return nil }
        let starts = Set(lives.values.joined()).sorted().map { "\"\(HumanTime.rfc3339(microseconds: $0))\"" }
        let pids = FilterText.isOne(of: lives.keys, "target_pid")
        let filter = "(\(pids) and (target_start_ts is null or target_start_ts in (\(starts.joined(separator: ", ")))))"
        return (filter, lives.count >= mostTargets)
    }

    /// Whether the archive has a row of the subject in that time, of any kind.
    public func isKnown() throws -> Bool {
        if scope.life != nil { return true }
        var isKnown = false
        try archive.forEach(scope.subject.filter(isOwn: false), in: scope.range, columns: ["ts"]) { _ in
            isKnown = true
            return false
        }
        return isKnown
    }

    /// Hands over the entries until there are no more, or `emit` returns false.
    public func forEach(_ emit: (Entry) throws -> Bool) throws -> ScanSummary {
        var pending = gaps.gaps[...]
        var isStopped = false
        let summary = try archive.forEach(filter, in: scope.range) { row in
            while let gap = pending.first, gap.fromUs <= row.timeUs {
                pending.removeFirst()
                if try !emit(.gap(gap)) {
                    isStopped = true
                    return false
                }
            }
            isStopped = try !emit(.event(row))
            return !isStopped
        }
        while !isStopped, let gap = pending.popFirst() { isStopped = try !emit(.gap(gap)) }
        return summary
    }
}
