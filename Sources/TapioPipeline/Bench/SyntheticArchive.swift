import TapioArchive
public import TapioEvents
import TapioRings

/// An archive of an imagined node, with the pods of its events, for measurements of what reads archives. The same seed gives
/// the same rows.
public struct SyntheticArchive: Sendable {
    /// What to make.
    public struct Options: Sendable {
        /// Rows, at least; the last batch is full.
        public var rows = 8_000_000
        /// Rows of a row group, at most.
        public var groupRows = 65_536
        /// Row groups of a segment.
        public var segmentGroups = 64
        /// Seed of the events.
        public var seed: UInt64 = 1

        /// The defaults.
        public init() {}
    }

    private let registry: SchemaRegistry
    private let options: Options

    /// An archive of the table of `registry`, which has to have the kinds of processes and TCP.
    public init(registry: SchemaRegistry, options: Options = Options()) {
        self.registry = registry
        self.options = options
    }

    /// Writes it below `root`; about 3 s for each million rows. How many rows there are.
    public func write(root: String) throws -> Int {
        var events = SyntheticEvents(seed: options.seed)
        let limits = RowBatch.Limits(rows: options.groupRows, bytes: max(65_536, options.groupRows * 256))
        let encoder = BatchEncoder(registry: registry)
        let batch = RowBatch(limits: limits)
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
        let identity = ArchiveIdentity(
            node: "bench",
            bootID: "00000000-0000-0000-0000-000000000000",
            runID: "bench",
            clockOffsetNs: clock.utcMinusBootNs,
            schemaVersion: "1",
            configHash: "",
            createdBy: "tapio bench"
        )
        var archiveOptions = ArchiveOptions(schema: registry.parquetSchema, identity: identity)
        archiveOptions.sync = .segment
        archiveOptions.rotation.maxGroups = options.segmentGroups
        archiveOptions.retention.maxBytes = nil
        archiveOptions.retention.minFreeShare = nil
        let archive = try Archive.open(root: root, options: archiveOptions)
        defer { archive.close() }
        var rows = 0
        while rows < options.rows {
            batch.reset()
            events.fill(batch)
            try archive.append(encoder.encode(batch, clock: clock))
            rows += batch.rowCount
        }
        return rows
    }
}
