/// Something that the operator or the ledger should know of.
public enum ArchiveEvent: Sendable, Hashable {
    /// A segment is complete.
    case sealed(SegmentFacts, RotationReason)
    /// A segment could not be completed. Its file stays as `….parquet.part`; sealing is tried again before the next segment is
    /// opened, and the next start recovers it at the latest.
    case leftOpen(path: String, rows: Int64, FileError)
    /// A write failed; its rows are lost.
    case writeFailed(ArchiveWriteError)
    /// A sync failed; the rows may be lost if power is cut before the next start has read them back.
    case syncFailed(path: String, unsyncedRows: Int64, FileError)
    /// Retention deleted a segment.
    case deleted(RetentionDeletion)
    /// Retention could not delete a segment, or not look for what to delete.
    case retentionFailed(FileError)
    /// What a compaction left that a crash ended cannot be read: nothing is compacted until a start can settle it.
    case compactionUnsettled(FileError)
    /// A limit is exceeded, and nothing is left that may be deleted.
    case retentionExhausted(bytes: Int64, available: Int64?)
    /// The catalogue could not be written; it is only a cache.
    case catalogueFailed(FileError)
    /// A file in the archive's directory is not ours; said once for each.
    case foreignFile(path: String)
}

/// Counters since the archive was opened; none is ever reset.
public struct ArchiveCounters: Sendable, Hashable {
    /// Batches written.
    public internal(set) var batchesWritten: UInt64 = 0
    /// Rows written.
    public internal(set) var rowsWritten: UInt64 = 0
    /// Compressed bytes of their row groups.
    public internal(set) var groupBytesWritten: UInt64 = 0
    /// Rows that were not written, by reason.
    public internal(set) var rowsFailed: [ArchiveWriteError.Reason: UInt64] = [:]
    /// Batches that were not written, by reason.
    public internal(set) var batchesFailed: [ArchiveWriteError.Reason: UInt64] = [:]
    /// Segments sealed, by reason.
    public internal(set) var segmentsSealed: [RotationReason: UInt64] = [:]
    /// Segments that could not be sealed (yet).
    public internal(set) var segmentsLeftOpen: UInt64 = 0
    /// Syncs that succeeded, apart from those at seals.
    public internal(set) var syncs: UInt64 = 0
    /// Row groups that ``ArchiveOptions/onDurable`` did not hear of, since too many waited for one sync.
    public internal(set) var groupsUntimed: UInt64 = 0
    /// Syncs that failed.
    public internal(set) var syncFailures: UInt64 = 0
    /// Segments, bytes and rows that retention deleted.
    public internal(set) var segmentsDeleted: UInt64 = 0
    /// Bytes that retention deleted, also of open files that a crash had left beside those segments.
    public internal(set) var bytesDeleted: UInt64 = 0
    /// Rows that retention deleted, by kind.
    public internal(set) var rowsDeleted: [String: UInt64] = [:]
    /// Events that nobody took in time; see ``Archive/takeEvents()``.
    public internal(set) var eventsDropped: UInt64 = 0
}
