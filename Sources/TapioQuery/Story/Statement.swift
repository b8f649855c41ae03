/// Something that rows of the archive show about a subject, in words, with those rows.
public struct Statement: Sendable, Hashable {
    /// What a statement is about; in the order in which they are shown.
    public enum Part: String, Sendable, CaseIterable {
        /// How a process ended, and by whom.
        case end
        /// What kept it from running.
        case slowed
        /// What it tried and did not get.
        case failed
        /// What Kubernetes says about it.
        case told
    }

    /// The rule that makes it; docs/explain.md lists them.
    public var rule: String
    /// What it is about.
    public var part: Part
    /// In words, safe for a terminal.
    public var text: String
    /// Some of the rows that it rests on, in the order of time.
    public var rows: [RowCitation]
    /// How many rows those are.
    public var rowCount: Int
    /// A filter that shows these rows between ``sinceUs`` and ``untilUs``, maybe with others.
    public var filter: String
    /// When the first of them begins, UTC microseconds since 1970.
    public var sinceUs: Int64
    /// After the last of them begins.
    public var untilUs: Int64

    init(_ rule: String, _ part: Part, _ text: String, _ tally: EventTally, filter: String) {
        self.rule = rule
        self.part = part
        self.text = text
        rows = tally.citations
        rowCount = tally.rows
        self.filter = filter
        sinceUs = tally.firstUs
        untilUs = tally.lastUs &+ 1
    }
}

/// Tells one thing about a subject, from rows that it gets in the order of time. It says nothing where they show nothing.
protocol ExplanationRule: Sendable {
    /// As docs/explain.md calls it.
    static var name: String { get }
    /// The kinds of rows that it looks at.
    static var kinds: [String] { get }
    /// The columns that it looks at, beside those that every rule gets.
    static var columns: [String] { get }

    init(_ subject: ExplainedSubject)

    /// Takes in a row of one of its kinds.
    mutating func add(_ row: StoryRow)

    /// What the rows show.
    func statements() -> [Statement]
}

/// Of whom rules tell.
struct ExplainedSubject: Sendable {
    /// The filter of its own rows.
    var filter: String
    /// The process, where it is one.
    var pid: Int64?

    /// Whether the row is of the subject itself, where it is a process; rows of others come for what they did to it.
    func owns(_ row: StoryRow) -> Bool { pid.map { $0 == row.pid } ?? true }

    /// The grammatical subject of what happened in a row: `It` where only one process is meant.
    func who(_ row: StoryRow) -> String { pid == nil ? row.process() : "It" }

    /// The filter of its own rows of these kinds.
    func filter(_ kinds: String...) -> String {
        kinds.count == 1 ? "kind = \(kinds[0]) and \(filter)" : "\(FilterText.kinds(kinds)) and \(filter)"
    }
}
