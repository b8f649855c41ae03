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

    private let feed: ProcessFeed
    private var facts: ProcessFacts

    /// The one that is told what readers see.
    init(_ feed: ProcessFeed, facts: ProcessFacts) {
        self.feed = feed
        self.facts = facts
    }

    /// Takes in what comes until the feed is finished.
    func run() async {
        for await _ in feed.wanted { takeWaiting() }
        takeWaiting()
    }

    /// Takes the rows for the table that are new.
    func takeFacts() -> [FactRow] { facts.take() }

    /// What it did.
    var statistics: Statistics {
        Statistics(
            live: facts.liveCount,
            dropped: feed.droppedRecords,
            forgotten: facts.forgotten,
            refusedRows: facts.refused
        )
    }

    private func takeWaiting() { feed.takeWaiting { facts.note($0) } }
}
