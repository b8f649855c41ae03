import TapioEvents

/// Which kinds were watched for in a time, as far as rows of anybody and the ledger's intervals show it.
public struct WatchedKinds: Sendable, Hashable {
    /// What shows that a collector ran.
    public struct Evidence: Sendable, Hashable {
        /// Its kinds of which there are rows or intervals, in the order of their names.
        public var kinds: [String] = []
        /// Begin of the first of its intervals, UTC microseconds since 1970; nil where only rows show it.
        public var fromUs: Int64?
        /// End of the last.
        public var toUs: Int64?
    }

    /// Begin of the time that was looked at, UTC microseconds since 1970: the story's, and the whole of each interval of the
    /// ledger that it touches. Nil: the archive's begin.
    public private(set) var fromUs: Int64?
    /// End of that time; nil: the archive's end.
    public private(set) var toUs: Int64?
    /// By collector, what shows that it ran.
    public private(set) var collectors: [String: Evidence] = [:]
    /// Kinds that were seen, whether rows of them were kept or not.
    private(set) var kinds: Set<String> = []

    /// An interval of the ledger is not longer (`ledger.interval`).
    private static let longestIntervalNs: Int64 = 3_600_000_000_000
    /// Where no interval touches the time: the last one of an agent that was killed, or that runs, is not written.
    private static let marginNs: Int64 = 60_000_000_000

    private struct Interval {
        var kind: String
        var collector: String?
        var fromUs: Int64
        var toUs: Int64
    }

    /// - Parameter collectorOfKind: Whose rows of these kinds are.
    init(_ archive: StoryArchive, in range: StoryRange, collectorOfKind: [String: String]) throws {
        var range = range
        var intervals = try Self.intervals(archive, in: range)
        if intervals.isEmpty {
            range.sinceNs = range.sinceNs.map { Self.sum($0, -Self.marginNs) }
            range.untilNs = range.untilNs.map { Self.sum($0, Self.marginNs) }
            intervals = try Self.intervals(archive, in: range)
        }
        if let since = range.sinceNs { fromUs = intervals.reduce(since / 1000) { min($0, $1.fromUs) } }
        if let until = range.untilNs { toUs = intervals.reduce(until / 1000) { max($0, $1.toUs) } }
        // What was seen and then filtered or lost is in the ledger's intervals only.
        kinds = Set(intervals.map(\.kind))
        let wide = StoryRange(sinceNs: fromUs.map(Self.nanoseconds), untilNs: toUs.map(Self.nanoseconds))
        for (key, _) in try archive.counts("", in: wide, by: ["kind"]) {
            if case .string(let kind)? = key.first { kinds.insert(kind) }
        }
        var shown: [String: Set<String>] = [:]
        for kind in kinds {
            if let collector = collectorOfKind[kind] { shown[collector, default: []].insert(kind) }
        }
        for interval in intervals {
            guard let collector = interval.collector else { continue }
            shown[collector, default: []].insert(interval.kind)
            let known = collectors[collector]
            collectors[collector, default: Evidence()].fromUs = min(known?.fromUs ?? .max, interval.fromUs)
            collectors[collector, default: Evidence()].toUs = max(known?.toUs ?? .min, interval.toUs)
        }
        for (collector, names) in shown { collectors[collector, default: Evidence()].kinds = names.sorted() }
    }

    /// The ledger's intervals that touch a time, those of a kind as one.
    private static func intervals(_ archive: StoryArchive, in range: StoryRange) throws -> [Interval] {
        var filter = "kind = _ledger and ledger_entry = interval"
        func add(_ condition: String, _ ns: Int64?) {
            guard let ns else { return }
            let time = HumanTime.rfc3339(microseconds: ns / 1000)
            // At the ends of what nanoseconds can say, a time does not read back.
            if HumanTime.nanoseconds(rfc3339: time) != nil { filter += " and \(condition) \"\(time)\"" }
        }
        add("ledger_to >=", range.sinceNs)
        add("ledger_from <=", range.untilNs)
        // They are written when they are over: segments before and long after need not be read.
        let written = StoryRange(
            sinceNs: range.sinceNs,
            untilNs: range.untilNs.map { sum($0, 2 * longestIntervalNs) }
        )
        let groups = try archive.groups(
            filter,
            in: written,
            by: ["ledger_kind", "ledger_collector"],
            of: ["min(ledger_from)", "max(ledger_to)"]
        )
        return groups.compactMap { row in
            guard row.count == 4, case .string(let kind) = row[0], case .timestamp(let from) = row[2],
                case .timestamp(let to) = row[3]
            else { return nil }
            var collector: String?
            if case .string(let name) = row[1] { collector = name }
            return Interval(kind: kind, collector: collector, fromUs: from, toUs: to)
        }
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, isFar) = left.addingReportingOverflow(right)
        return isFar ? (right < 0 ? .min : .max) : sum
    }

    private static func nanoseconds(_ us: Int64) -> Int64 {
        let (ns, isFar) = us.multipliedReportingOverflow(by: 1000)
        return isFar ? (us < 0 ? .min : .max) : ns
    }
}
