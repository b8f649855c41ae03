/// What is known of the rows of a batch beside the records: immutable, shared by reference, indexed by a row's
/// ``EnrichmentID``.
public final class EnrichmentTable: Sendable {
    /// The values of one id, by ``EnrichmentColumn``; empty where not known.
    public typealias Entry = [[UInt8]]

    /// Whose rows are, by ``EnrichmentID/owner``.
    public let entries: [Entry]
    /// Names of other ends, by ``EnrichmentID/name``.
    public let names: TextTable
    /// Services at other ends, by ``EnrichmentID/service``.
    public let services: TextTable
    /// Whether rows can have values of ``RemoteColumn``.
    public let hasRemote: Bool

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
        names = TextTable()
        services = TextTable()
        hasRemote = false
    }

    /// The same owners with what is known of other ends.
    public init(_ owners: EnrichmentTable, names: TextTable, services: TextTable) {
        entries = owners.entries
        self.names = names
        self.services = services
        hasRemote = true
    }

    /// The text of a column of other ends; empty where there is none.
    public func text(_ column: RemoteColumn, _ number: UInt16) -> [UInt8] {
        switch column {
        case .name: names[number]
        case .service: services[number]
        case .nameStatus: names.status(number)
        case .serviceStatus: services.status(number)
        }
    }
}

extension RemoteColumn {
    /// Its place in a row's id.
    @inlinable
    public func number(in id: EnrichmentID) -> UInt16 {
        switch self {
        case .name, .nameStatus: id.name
        case .service, .serviceStatus: id.service
        }
    }
}
