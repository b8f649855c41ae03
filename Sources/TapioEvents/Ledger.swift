import TapioRings

/// The agent's own side of the ledger: counters by kind that its stages add to and that are never reset.
///
/// Each stage counts a row once when it takes it over and once when it lets go of it, so that a row is always in exactly
/// one place. Safe to share: all counters are atomic.
public final class Ledger: Sendable {
    /// What the agent's stages count.
    public enum Count: Int, CaseIterable, Sendable {
        /// Taken out of a ring by a reader.
        case received
        /// Refused by the reader's checks.
        case malformed
        /// Merged into a summary row.
        case aggregated
        /// Dropped under pressure.
        case shed
        /// Lost because it could not be encoded or written.
        case failed
        /// Written into the archive.
        case archived
    }

    private let counters = CounterBlock(count: EventKind.limit * Count.allCases.count, layout: .packed)

    /// A ledger that reads zero.
    public init() {}

    /// Counts `amount` events of `kind`. Any thread.
    public func add(_ count: Count, _ kind: EventKind, _ amount: UInt64 = 1) {
        counters.add(Int(kind.rawValue) * Count.allCases.count + count.rawValue, amount)
    }

    /// Reads one count.
    public func value(_ count: Count, _ kind: EventKind) -> UInt64 {
        counters.load(Int(kind.rawValue) * Count.allCases.count + count.rawValue)
    }

    /// Adds the agent's counts of `kind` to an entry.
    ///
    /// Read what settled before what was received, and that before the kernel's counts: then no difference of a stage
    /// comes out negative, whatever happens meanwhile. This reads in that order; call it before reading the kernel.
    public func read(into entry: inout LedgerEntry, _ kind: EventKind) {
        entry.archived = value(.archived, kind)
        entry.failed = value(.failed, kind)
        entry.shed = value(.shed, kind)
        entry.aggregated = value(.aggregated, kind)
        entry.malformed = value(.malformed, kind)
        entry.received = value(.received, kind)
    }
}
