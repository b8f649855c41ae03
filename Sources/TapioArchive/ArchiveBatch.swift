/// What an encoder thread hands to the archive: a sealed batch, encoded.
public struct ArchiveBatch: Sendable {
    /// The rows, compressed.
    public var group: EncodedRowGroup
    /// Number of the batch, in order of sealing.
    public var sequence: UInt64
    /// 0 urgent, 1 bulk, 2 ledger.
    public var lane: UInt8
    /// Earliest event, UTC nanoseconds since 1970.
    public var minTimestampNs: Int64
    /// Latest event, UTC nanoseconds since 1970.
    public var maxTimestampNs: Int64
    /// Rows and weight per kind; at most 65,535 kinds, names of at most 255 bytes (longer ones are cut).
    public var kinds: [KindTotal]

    /// Makes a batch.
    public init(
        group: EncodedRowGroup,
        sequence: UInt64,
        lane: UInt8,
        minTimestampNs: Int64,
        maxTimestampNs: Int64,
        kinds: [KindTotal]
    ) {
        self.group = group
        self.sequence = sequence
        self.lane = lane
        self.minTimestampNs = minTimestampNs
        self.maxTimestampNs = maxTimestampNs
        self.kinds = kinds
    }
}

/// How many rows of one kind there are, and how many events they stand for.
public struct KindTotal: Sendable, Hashable {
    /// The kind's number.
    public var kind: UInt8
    /// The kind's name, as it stands in the column `kind`.
    public var name: String
    /// Rows, summaries included.
    public var rows: Int
    /// Sum of the rows' weights.
    public var weight: Double
    /// Those of the rows that stand for several merged events. Known from the encoder to the archive; not kept there.
    public var summaries = 0
    /// Events that were merged into them. Known as far as ``summaries`` is.
    public var aggregatedEvents: UInt64 = 0

    /// Rows that are one event each.
    public var eventRows: Int { rows - summaries }
    /// Events, in rows of their own or merged.
    public var events: UInt64 { UInt64(eventRows) &+ aggregatedEvents }

    /// Makes a total of single events.
    public init(kind: UInt8, name: String, rows: Int, weight: Double) {
        self.kind = kind
        self.name = name
        self.rows = rows
        self.weight = weight
    }
}
