/// What is known of the rows of a batch beside the records: immutable, shared by reference, indexed by a row's enrichment id.
///
/// Id 0 stands for "nothing known".
public final class EnrichmentTable: Sendable {
    /// The values of one id, by ``EnrichmentColumn``; empty where not known.
    public typealias Entry = [[UInt8]]

    /// By id.
    public let entries: [Entry]

    /// Nothing known of anything.
    public static let empty = EnrichmentTable(entries: [])

    /// A table of `entries`, which get the ids from 1.
    ///
    /// Columns that an entry leaves out at its end are not known.
    public convenience init(entries: [Entry]) {
        let nothing = Entry(repeating: [], count: EnrichmentColumn.allCases.count)
        self.init(all: [nothing] + entries.map { $0 + nothing.dropFirst($0.count) })
    }

    /// A table of all entries, that of id 0 among them.
    ///
    /// - Precondition: there is one, and each has a value for each ``EnrichmentColumn``.
    public init(all entries: [Entry]) {
        precondition(!entries.isEmpty)
        precondition(entries.allSatisfy { $0.count == EnrichmentColumn.allCases.count })
        self.entries = entries
    }
}
