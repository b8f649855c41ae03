/// When what was written is made durable against a power cut. A crash of the process alone loses nothing with any of them.
public enum SyncPolicy: Sendable, Hashable {
    /// After each batch, before `append` returns: nothing acknowledged is lost, at about 1 ms a batch.
    case batch
    /// At most once in this many nanoseconds, by ``Archive/syncIfDue()`` from a thread of the caller's choice; in a twentieth
    /// of them for a batch whose oldest event had waited as long when it was appended.
    case interval(ns: Int64)
    /// Only when a segment is sealed: the least work, up to a segment lost.
    case segment
}

/// When a segment is sealed and the next one begins. The hour always ends one.
public struct RotationPolicy: Sendable, Hashable {
    /// Bytes of the file.
    public var maxBytes: Int64 = 256 << 20
    /// Nanoseconds since the file was opened.
    public var maxAgeNs: Int64 = 300_000_000_000
    /// Row groups.
    public var maxGroups = 64

    /// The defaults: 256 MiB, 5 minutes, 64 row groups.
    public init() {}

    /// Why a segment should be sealed, or nil. `next` is a batch about to be written, if there is one: a segment holds one
    /// hour by its events' time. A batch from an hour gone by is late and does not end the segment.
    func reason(toSeal segment: SegmentWriter, nowNs: Int64, next: ArchiveBatch?) -> RotationReason? {
        if let next, ArchiveHour(timestampNs: next.minTimestampNs) > segment.hour { return .hour }
        if segment.end >= maxBytes { return .bytes }
        if segment.totals.groups >= maxGroups { return .groups }
        if nowNs - segment.openedAtNs >= maxAgeNs { return .age }
        return nil
    }
}

/// Why a segment was sealed.
public enum RotationReason: String, Sendable, Hashable, CaseIterable {
    /// It was large enough.
    case bytes
    /// It was open long enough.
    case age
    /// It had enough row groups.
    case groups
    /// The next batch belongs to a later hour.
    case hour
    /// A write to it failed.
    case failure
    /// The archive was closed.
    case close
}

/// Who ends segments.
public enum SegmentSealing: Sendable, Hashable {
    /// The archive itself, as the rotation policy says.
    case automatic
    /// The caller, who asks ``Archive/rotationDue(before:)`` around each batch, adds the rows that close the segment, and
    /// seals it with ``Archive/seal(_:)``.
    case byCaller
}

/// What may be kept. Each limit that is nil is off.
public struct RetentionPolicy: Sendable, Hashable {
    /// Bytes of sealed and open segments together.
    public var maxBytes: Int64? = 8 << 30
    /// Nanoseconds since a segment's last event.
    public var maxAgeNs: Int64?
    /// Share of the file system that must stay free, 0 to 1.
    public var minFreeShare: Double? = 0.05

    /// The defaults: 8 GiB, no age, 5 % free.
    public init() {}
}

/// Who writes the archive: goes into each segment's key-values.
public struct ArchiveIdentity: Sendable, Hashable {
    /// The node's name.
    public var node: String
    /// The kernel's boot id.
    public var bootID: String
    /// One for each start of the agent.
    public var runID: String
    /// UTC minus boot time, nanoseconds.
    public var clockOffsetNs: Int64
    /// Version of the columns.
    public var schemaVersion: String
    /// Hash of the configuration.
    public var configHash: String
    /// The writer, as `<name> version <x.y.z>`.
    public var createdBy: String

    /// Makes an identity.
    public init(
        node: String,
        bootID: String,
        runID: String,
        clockOffsetNs: Int64,
        schemaVersion: String,
        configHash: String,
        createdBy: String
    ) {
        self.node = node
        self.bootID = bootID
        self.runID = runID
        self.clockOffsetNs = clockOffsetNs
        self.schemaVersion = schemaVersion
        self.configHash = configHash
        self.createdBy = createdBy
    }
}

/// How an archive is written.
public struct ArchiveOptions: Sendable {
    /// The columns of every file.
    public var schema: ParquetSchema
    /// Who writes.
    public var identity: ArchiveIdentity
    /// When what was written is made durable.
    public var sync: SyncPolicy = .interval(ns: 1_000_000_000)
    /// When segments end.
    public var rotation = RotationPolicy()
    /// Who ends them.
    public var sealing = SegmentSealing.automatic
    /// What is kept.
    public var retention = RetentionPolicy()
    /// Pause after a failed write, nanoseconds; until then every append fails at once.
    public var retryPauseNs: Int64 = 1_000_000_000
    /// Pause between two looks at the free space, nanoseconds.
    public var retentionIntervalNs: Int64 = 10_000_000_000
    /// Hears of each row group as soon as it is durable, with the UTC time in nanoseconds at which it was: for measuring.
    /// Called under the archive's lock, on whichever thread synced: it must be quick and must not call the archive.
    public var onDurable: (@Sendable (_ group: DurableGroup, _ atNs: Int64) -> Void)?
    /// The disk.
    public var fileSystem: any FileSystem = PosixFileSystem()
    /// The clocks.
    public var clock: any ArchiveClock = SystemArchiveClock()

    /// Makes options with the defaults.
    public init(schema: ParquetSchema, identity: ArchiveIdentity) {
        self.schema = schema
        self.identity = identity
    }
}
