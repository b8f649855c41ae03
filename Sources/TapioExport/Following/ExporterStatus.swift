public import TapioArchive

/// What an exporter does and has done since it started.
public struct ExporterStatus: Sendable, Hashable {
    /// What it does just now.
    public enum State: String, Sendable, Hashable, CaseIterable {
        /// All that is sealed was sent.
        case idle
        /// A segment is being sent.
        case sending
        /// The last attempt failed; the next one follows.
        case waiting
        /// It does not run any more.
        case stopped
    }

    /// `s3`, `clickhouse`, `otlp` (logs) or `otlp_metrics`.
    public var name: String
    /// Where it sends to, without secrets.
    public var place: String
    /// What it does just now.
    public var state = State.idle
    /// Segments that arrived.
    public var sentSegments: UInt64 = 0
    /// Their rows.
    public var sentRows: UInt64 = 0
    /// Bytes that were sent for them.
    public var sentBytes: UInt64 = 0
    /// Attempts that followed a failure.
    public var retries: UInt64 = 0
    /// Failed attempts, by ``ExportFailure/Kind``.
    public var errors: [String: UInt64] = [:]
    /// The last failure, in one line.
    public var lastError: String?
    /// When it was, UTC nanoseconds since 1970.
    public var lastErrorNs: Int64?
    /// When a segment last arrived, UTC nanoseconds since 1970.
    public var lastSentNs: Int64?
    /// Failures in a row; 0 while all is well.
    public var failuresInARow = 0
    /// Segments that wait, the one under way included.
    public var waitingSegments = 0
    /// Their bytes.
    public var waitingBytes: Int64 = 0
    /// Time of the oldest event that waits, UTC nanoseconds since 1970; nil: none does.
    public var oldestWaitingNs: Int64?
    /// Rows that were lost for this place one by one, by ``ExportNews/LossReason``; ``lostRows`` has them too.
    public var refusedRows: [String: UInt64] = [:]
    /// Segments that were lost for this place: removed before they were sent, or damaged.
    public var lostSegments: UInt64 = 0
    /// Their rows, and ``refusedRows``.
    public var lostRows: UInt64 = 0
    /// Their bytes.
    public var lostBytes: UInt64 = 0

    /// Nothing done yet.
    public init(name: String, place: String) {
        self.name = name
        self.place = place
    }

    mutating func count(lost segment: SegmentFacts) {
        lostSegments += 1
        lostRows += UInt64(clamping: segment.totals.rows)
        lostBytes += UInt64(clamping: segment.bytes)
    }
}

/// What people, or the ledger, should hear of an exporter.
public enum ExportNews: Sendable {
    /// Why a segment is lost for a place.
    public enum LossReason: String, Sendable, Hashable {
        /// Retention removed it before it was sent.
        case removed = "removed_before_sent"
        /// It is damaged, and the place will not have it.
        case damaged = "damaged"
        /// The place took the request, but not these rows.
        case rejected = "rejected"
        /// The place refused the request that had these rows, and not the others.
        case refused = "refused"
        /// The place refused a single row as too large.
        case tooLarge = "too_large"
    }

    /// It fails, or fails in another way than before; it goes on trying.
    case failing(ExportFailure)
    /// It works again, after so many failures.
    case recovered(failures: Int)
    /// A segment will never be sent.
    case lost(SegmentFacts, LossReason)
    /// So many rows of a segment will never be sent.
    case lostRows(SegmentFacts, LossReason, rows: UInt64)
    /// Something else, in one line.
    case notice(String)
}
