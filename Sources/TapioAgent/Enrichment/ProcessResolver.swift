import TapioEvents

/// Keeps the table of processes from what readers hand over.
actor ProcessResolver {
    /// What it did, for status.
    struct Statistics: Sendable, Equatable {
        /// Processes that are known now.
        var live = 0
        /// Records of processes that found no place on their way here.
        var dropped: UInt64 = 0
        /// Processes that were too many to be known until they end.
        var forgotten: UInt64 = 0
        /// Rows that found no place.
        var refusedRows: UInt64 = 0
    }

    /// Rows that are written before their time, so that a flood of processes takes little memory.
    private static let portion = 2048
    /// Records that are taken in at a time. Between them others have their turn, also where readers never let up.
    static let mostTaken = 256

    private let feed: ProcessFeed
    private var facts: ProcessFacts
    private let tables: FactTables
    private var problem: String?

    /// The one that is told what readers see.
    init(_ feed: ProcessFeed, facts: ProcessFacts, tables: FactTables) {
        self.feed = feed
        self.facts = facts
        self.tables = tables
    }

    /// Takes in what comes until the feed is finished.
    func run() async {
        for await _ in feed.wanted {
            var isMore = true
            while isMore {
                isMore = takeWaiting()
                if facts.rowCount >= Self.portion { await write() }
                await Task.yield()
            }
        }
        while takeWaiting() {}
    }

    /// Writes the rows that are new; nil where that went well, else what is wrong, said once.
    func flush() async -> String? {
        await write()
        defer { problem = nil }
        return problem
    }

    private func write() async {
        if let trouble = await tables.write(facts.take()) { problem = trouble }
    }

    /// What it did.
    var statistics: Statistics {
        Statistics(
            live: facts.liveCount,
            dropped: feed.droppedRecords,
            forgotten: facts.forgotten,
            refusedRows: facts.refused
        )
    }

    /// - Returns: Whether there may be more.
    private func takeWaiting() -> Bool {
        feed.takeWaiting(upTo: Self.mostTaken) { facts.note($0) } == Self.mostTaken
    }
}
