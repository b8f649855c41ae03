import TapioEvents

/// Counts the events of rows, and remembers some of the rows.
struct EventTally: Sendable {
    /// Rows that are named at most: the first, and the last ones.
    static let named = 4

    private(set) var rows = 0
    /// Events that are in the rows: there were at least so many.
    private(set) var atLeast: Int64 = 0
    /// Estimate of how many there were, with those that were sampled out.
    private(set) var estimate = 0.0
    private(set) var firstUs: Int64 = .max
    private(set) var lastUs: Int64 = .min
    private var first: RowCitation?
    private var last: [RowCitation] = []

    mutating func add(_ row: StoryRow) {
        rows += 1
        atLeast = atLeast.addingReportingOverflow(row.events).overflow ? .max : atLeast + row.events
        estimate += row.weight
        firstUs = min(firstUs, row.timeUs)
        lastUs = max(lastUs, row.timeUs)
        if first == nil {
            first = row.citation
            return
        }
        last.append(row.citation)
        if last.count >= Self.named { last.removeFirst() }
    }

    /// The rows that are named, in their order.
    var citations: [RowCitation] { (first.map { [$0] } ?? []) + last }

    /// Whether events were sampled out: then only ``atLeast`` is certain.
    var isSampled: Bool { estimate > Double(atLeast) * (1 + 1e-9) }

    /// `once`, `12 times`, `at least 12 times (sampled: about 340)`.
    var times: String {
        if !isSampled { return atLeast == 1 ? "once" : "\(HumanUnits.count(atLeast)) times" }
        let about = HumanUnits.count(estimate < 9e18 ? Int64(estimate.rounded()) : .max)
        return "at least \(HumanUnits.count(atLeast)) times (sampled: about \(about))"
    }
}

/// Tallies by key, with a bound on their number.
struct TallyTable<Key: Hashable & Sendable>: Sendable {
    private let most: Int
    private(set) var tallies: [Key: EventTally] = [:]
    /// Events of keys that found no room.
    private(set) var others = EventTally()

    init(most: Int = 1000) {
        self.most = most
    }

    mutating func add(_ row: StoryRow, to key: Key) {
        if tallies[key] != nil || tallies.count < most {
            tallies[key, default: EventTally()].add(row)
        } else {
            others.add(row)
        }
    }

    /// The keys with the most events, the most first; of equal ones the earliest.
    func top(_ count: Int) -> [(key: Key, tally: EventTally)] {
        tallies.sorted { ($1.value.atLeast, $0.value.firstUs) < ($0.value.atLeast, $1.value.firstUs) }
            .prefix(count).map { ($0.key, $0.value) }
    }
}
