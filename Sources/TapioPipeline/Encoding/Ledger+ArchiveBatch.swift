public import TapioArchive
public import TapioEvents

/// What the ledger counts when a batch is written or lost: said here and nowhere else. Rows of the ledger itself aren't
/// counted.
extension Ledger {
    /// Counts a batch that is in the archive: its events' own rows, and those that its summaries stand for.
    public func countWritten(_ batch: ArchiveBatch) {
        for total in batch.kinds where total.kind != EventKind.ledger.rawValue {
            let kind = EventKind(rawValue: total.kind)
            add(.archived, kind, UInt64(total.eventRows))
            if total.aggregatedEvents > 0 { add(.aggregated, kind, total.aggregatedEvents) }
        }
    }

    /// Counts a batch that is lost: all events that it tells of.
    public func countLost(_ batch: ArchiveBatch) {
        for (kind, count) in batch.events { add(.failed, kind, count) }
    }
}

extension ArchiveBatch {
    /// How many events it tells of, by kind, in rows of their own or in summaries.
    public var events: [(kind: EventKind, count: UInt64)] {
        kinds.filter { $0.kind != EventKind.ledger.rawValue }.map { (EventKind(rawValue: $0.kind), $0.events) }
    }
}
