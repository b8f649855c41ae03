/// Which segments of an archive that is being written are to become one: those of an hour that will not become more.
struct CompactionPlan {
    /// Whether a segment may be merged.
    enum State {
        /// Now; only segments of equal marks are put together.
        case free(mark: String)
        /// Later: it is young, or somebody needs it.
        case waiting
        /// Not at all.
        case fixed
    }

    private struct Entry {
        var candidate: MergePlan.Candidate
        var run: Int?
        var isWaiting: Bool
    }

    private let policy: Compaction.Policy
    private let nowNs: Int64
    private var entries: [Entry] = []

    init(_ policy: Compaction.Policy, nowNs: Int64) {
        self.policy = policy
        self.nowNs = nowNs
    }

    /// Adds a segment; the order does not matter.
    ///
    /// - Parameter run: The run of the agent that wrote it, as a number; nil: not known.
    mutating func add(_ facts: SegmentFacts, path: String, run: Int?, _ state: State) {
        var candidate = MergePlan.Candidate(
            name: facts.name,
            path: path,
            hour: facts.hourPath,
            runID: nil,
            bytes: facts.bytes,
            rows: facts.totals.rows,
            isFixed: true
        )
        var isWaiting = false
        switch state {
        case .free(let mark):
            candidate.isFixed = false
            candidate.runID = run.map { "\($0)\n\(mark)" }
        case .waiting: isWaiting = true
        case .fixed: break
        }
        entries.append(Entry(candidate: candidate, run: run, isWaiting: isWaiting))
    }

    /// Groups that are worth a merge, oldest first.
    var groups: [[MergePlan.Candidate]] {
        let candidates = entries.map(\.candidate)
        let plan = MergePlan(candidates, targetBytes: policy.targetBytes, leastSegments: policy.minSegments)
        guard !plan.groups.isEmpty else { return [] }
        let ordered = entries.sorted {
            ($0.candidate.name.sequence, $0.candidate.name) < ($1.candidate.name.sequence, $1.candidate.name)
        }
        let places = Dictionary(ordered.enumerated().map { ($1.candidate.name, $0) }) { first, _ in first }
        return plan.groups.filter { group in
            guard let last = group.last, let place = places[last.name] else { return false }
            return isComplete(last, after: ordered[place], next: ordered.dropFirst(place + 1).first)
        }
    }

    /// Whether a group can no longer grow. One that does would be merged again and again, and each time as a whole.
    private func isComplete(_ last: MergePlan.Candidate, after entry: Entry, next: Entry?) -> Bool {
        let hour = ArchiveHour(timestampNs: last.name.startMicros &* 1000)
        if (hour.number + 1) * ArchiveHour.lengthNs <= nowNs - policy.minAgeNs { return true }
        guard let next else { return false }
        return !next.isWaiting || next.candidate.hour != last.hour
            || next.candidate.name.bootID != last.name.bootID || next.run != entry.run
    }
}

/// What is known of the files of an archive's segments, so that each is opened once.
struct CompactionFiles {
    /// What a segment is to a merge.
    enum Kind: Hashable {
        /// As an agent's run wrote it; runs are numbered as they are met.
        case run(Int)
        /// It was merged before, cannot be read, or failed.
        case other

        var run: Int? { if case .run(let number) = self { number } else { nil } }
    }

    private var kinds: [SegmentName: Kind] = [:]
    /// Names of those whose rows a merged segment has.
    private var merged: Set<String> = []
    /// Of what a repair saved, the names of what it was saved of.
    private var sources: [SegmentName: Set<String>] = [:]
    private var runs: [String: Int] = [:]
    private var blocked: Set<SegmentName> = []
    private var present: Set<SegmentName> = []

    /// Segments that are left alone since a merge of them failed.
    var blockedCount: Int { blocked.count }

    /// Forgets all others.
    mutating func keep(_ segments: [SegmentFacts]) {
        present = Set(segments.map(\.name))
        kinds = kinds.filter { present.contains($0.key) }
        sources = sources.filter { present.contains($0.key) }
        blocked.formIntersection(present)
    }

    /// Whether its rows are in a merged segment as well, as far as files were looked into: such as one from a backup. Merged
    /// again, they would be there twice for good.
    func isElsewhere(_ name: SegmentName) -> Bool {
        merged.contains(name.description) || sources[name].map { !merged.isDisjoint(with: $0) } ?? false
    }

    func isPresent(_ name: SegmentName) -> Bool { present.contains(name) }

    mutating func block(_ name: SegmentName) { blocked.insert(name) }

    mutating func look(_ facts: SegmentFacts, path: String, fileSystem: any FileSystem) -> Kind {
        if blocked.contains(facts.name) { return .other }
        if let known = kinds[facts.name] { return known }
        let kind = kind(of: facts.name, path, fileSystem)
        kinds[facts.name] = kind
        return kind
    }

    private mutating func kind(of name: SegmentName, _ path: String, _ fileSystem: any FileSystem) -> Kind {
        guard let scan = try? FrameScanner.scan(fileSystem.open(path), depth: .facts), let prologue = scan.prologue
        else { return .other }
        if let names = prologue.mergedFrom {
            merged.formUnion(names)
            return .other
        }
        let damaged = prologue.repairedNames
        if !damaged.isEmpty { sources[name] = damaged }
        guard let run = prologue[SegmentKey.runID] else { return .other }
        let number = runs[run] ?? runs.count
        runs[run] = number
        return .run(number)
    }
}
