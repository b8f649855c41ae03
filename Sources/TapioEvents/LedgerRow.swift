/// One row of the ledger, before it becomes a record (`tapio_ledger`) and takes the way of all rows into the archive.
public struct LedgerRow: Sendable, Hashable {
    /// What a row tells. Numbers as `TAPIO_LEDGER_…`.
    public enum Entry: UInt8, Sendable, Hashable, CaseIterable {
        /// What became of one kind's events within an interval.
        case interval = 0
        /// Events that were lost: how many, where, why.
        case gap = 1
        /// The agent started.
        case start = 2
        /// The agent stopped in order; nothing was in flight.
        case stop = 3
        /// A SIGHUP, applied or refused.
        case reload = 4
        /// The clock was set: UTC minus boot time changed.
        case clock = 5
        /// An earlier agent ended without a stop row: what it had in flight is lost.
        case uncleanShutdown = 6
        /// Old segments were removed.
        case retention = 7
        /// A collector started, failed or stopped.
        case collector = 8
        /// Less of a kind was kept, or more again, to stay within what the agent can carry.
        case sampling = 9
    }

    /// What it tells.
    public var entry: Entry
    /// Begin and end of what it tells about, boot time, ns. May be negative: before this boot.
    public var fromNs: Int64
    /// End of what it tells about, boot time, ns.
    public var toNs: Int64
    /// The kind that it is about; the ledger's own for none.
    public var kind: EventKind = .ledger
    /// The priority of that kind.
    public var priority: Priority = .critical
    /// The CPU that it is about.
    public var cpu: UInt32?
    /// kernel, reader, encoder, archive or agent.
    public var stage = ""
    /// Why, in a word that does not change.
    public var reason = ""
    /// The collector that it is about.
    public var collector = ""
    /// What else there is to say, in one line.
    public var note = ""
    /// Of an interval: what was counted in it.
    public var counts: LedgerEntry?
    /// Of an interval: what was on its way at its end.
    public var inFlight: Int64?
    /// Of a gap, retention or unclean shutdown.
    public var count: UInt64?
    /// Fingerprint of the configuration in force.
    public var configHash: UInt64?
    /// Fingerprint of the configuration before.
    public var configHashBefore: UInt64?

    /// A row with nothing but its time.
    public init(_ entry: Entry, fromNs: Int64, toNs: Int64) {
        self.entry = entry
        self.fromNs = fromNs
        self.toNs = toNs
    }
}
