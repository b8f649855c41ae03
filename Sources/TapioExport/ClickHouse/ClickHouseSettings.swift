/// A table of a ClickHouse server, and how to reach it.
public struct ClickHouseSettings: Sendable, Hashable {
    /// Which engine a table gets that is made here.
    public enum Engine: String, Sendable, Hashable, CaseIterable {
        /// MergeTree: one server, or the engine that the database gives it (a `Replicated` database, ClickHouse Cloud).
        case mergeTree = "merge_tree"
        /// ReplicatedMergeTree with the server's own path and replica name.
        case replicated
    }

    /// `http(s)://host[:port]`, of the HTTP interface.
    public var url: String
    /// The database.
    public var database = "default"
    /// The table.
    public var table = "tapio_events"
    /// Whose rights count; nil: the server's default user.
    public var user: String?
    /// File with the user's password; nil: see ``passwordVariable``.
    public var passwordFile: String?
    /// The environment variable with the user's password; nil: none.
    public var passwordVariable: String?
    /// Whether the table is made, and columns are added, where they are missing.
    public var createsTable = true
    /// The engine of a table that is made.
    public var engine = Engine.mergeTree
    /// PEM file of the authorities that count; nil: those of the system.
    public var caFile: String?
    /// How long a request may go without a byte moving, milliseconds. An INSERT answers when the server has all of it.
    public var stallMs = 120_000

    /// The defaults for a server.
    public init(url: String) {
        self.url = url
    }

    /// What is wrong with it as far as that shows without asking anybody, a line each with the part that it is about.
    public var flaws: [(part: String, message: String)] {
        var flaws: [(String, String)] = []
        if let flaw = ServerURL.complaint(url) { flaws.append(("url", flaw)) }
        for (part, name) in [("database", database), ("table", table)] where !Self.isName(name) {
            flaws.append((part, "\"\(name)\" is no name: letters, digits and underscores, not a digit first"))
        }
        if passwordFile != nil, passwordVariable != nil {
            flaws.append(("password_file", "is given together with export.clickhouse.password_env: give one of them"))
        }
        return flaws
    }

    /// Names that need no quotes: nothing else can end a statement and start another.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 200 else { return false }
        func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
        }
        return isLetter(first)
            && text.utf8.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
