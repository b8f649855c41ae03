import TapioEvents

/// A time in which the archive does not tell all: events that were lost, or no agent at all.
public struct StoryGap: Sendable, Hashable {
    /// Begin, UTC microseconds since 1970.
    public var fromUs: Int64
    /// End.
    public var toUs: Int64
    /// The kind of the lost events; nil: not known, or all.
    public var kind: String?
    /// Why, in the ledger's words; `no_agent` where none ran.
    public var reason: String
    /// How many events; nil: nobody knows.
    public var count: Int64?

    /// Whether no agent ran, so that nothing of that time can be in the archive.
    public var isAbsence: Bool { reason == Self.noAgent }

    static let noAgent = "no_agent"

    /// One line, safe for a terminal.
    public var text: String {
        let range = "from \(HumanTime.timeOfDay(microseconds: fromUs)) to \(HumanTime.timeOfDay(microseconds: toUs))"
        if isAbsence { return "no agent ran \(range): nothing of that time is here" }
        let what = "\(count.map { HumanUnits.count($0) } ?? "an unknown number of") \(kind ?? "events")"
        let fate = reason == "counted_only" ? "counted and not kept" : "lost"
        return TerminalText.escape("gap: \(what) \(fate) \(range) (\(reason)), of whom is not known")
    }
}

/// The gaps of a range, one by one.
struct StoryGaps {
    /// Gaps that are kept; more are counted.
    private static let most = 10_000

    private(set) var gaps: [StoryGap] = []
    private(set) var more = 0
    private let fromUs: Int64
    private let toUs: Int64
    private let kinds: Set<String>?
    private let isOneNode: Bool
    private var stopUs: Int64?

    /// - Parameter kinds: Those that the story is about; nil: all.
    private init(_ range: StoryRange, kinds: Set<String>?, isOneNode: Bool) {
        fromUs = range.sinceNs.map { $0 / 1000 } ?? .min
        toUs = range.untilNs.map { $0 / 1000 } ?? .max
        self.kinds = kinds
        self.isOneNode = isOneNode
    }

    /// Reads them from the ledger's rows, which may be written later than what they tell of.
    static func read(_ archive: StoryArchive, in range: StoryRange, kinds: Set<String>? = nil) throws -> StoryGaps {
        var gaps = StoryGaps(range, kinds: kinds, isOneNode: archive.nodes.count <= 1)
        let entries = "kind = _ledger and ledger_entry in (gap, unclean_shutdown, start, stop)"
        try archive.forEach(
            entries,
            in: StoryRange(),
            columns: [
                "ts", "kind", "ledger_entry", "ledger_kind", "ledger_reason", "ledger_count", "ledger_from",
                "ledger_to",
            ]
        ) { row in
            gaps.add(row)
            return true
        }
        gaps.gaps.sort { ($0.fromUs, $0.toUs, $0.kind ?? "") < ($1.fromUs, $1.toUs, $1.kind ?? "") }
        return gaps
    }

    private mutating func add(_ row: StoryRow) {
        guard let from = row.time("ledger_from"), let to = row.time("ledger_to") else { return }
        switch row.text("ledger_entry") {
        case "stop": stopUs = to
        case "start":
            // With several nodes it is not known whose stop it was.
            if let stop = stopUs, isOneNode, from > stop {
                keep(StoryGap(fromUs: stop, toUs: from, kind: nil, reason: StoryGap.noAgent, count: nil))
            }
            stopUs = nil
        case "unclean_shutdown":
            keep(StoryGap(fromUs: from, toUs: to, kind: nil, reason: "unclean_shutdown", count: nil))
        default:
            let kind = row.text("ledger_kind")
            if let kind, let kinds, !kinds.contains(kind) { return }
            let reason = row.text("ledger_reason") ?? "unknown"
            let count = row.int("ledger_count").flatMap { $0 > 0 ? $0 : nil }
            keep(StoryGap(fromUs: from, toUs: to, kind: kind, reason: reason, count: count))
        }
    }

    private mutating func keep(_ gap: StoryGap) {
        guard gap.toUs >= fromUs, gap.fromUs < toUs else { return }
        if gaps.count < Self.most { gaps.append(gap) } else { more += 1 }
    }
}
