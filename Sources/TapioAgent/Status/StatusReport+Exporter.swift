import TapioExport

extension StatusReport {
    /// What is sent to one place beside the archive. Counts are since the exporter started.
    public struct Exporter: Codable, Sendable {
        /// s3, clickhouse, otlp (logs) or otlp_metrics, whose rows are data points.
        public var name: String
        /// Where it sends to, without secrets.
        public var place: String
        /// idle, sending, waiting (after a failure) or stopped.
        public var state: String
        /// Segments that arrived.
        public var sentSegments: UInt64
        /// Their rows.
        public var sentRows: UInt64
        /// Bytes that were sent for them.
        public var sentBytes: UInt64
        /// Attempts that followed a failure.
        public var retries: UInt64
        /// Failed attempts by sort: unresolved, unreachable, tls, timeout, broken, credentials, missing, throttled, server,
        /// refused, answer, checksum, file, gone.
        public var errors: [String: UInt64]
        /// Failures in a row; 0 while all is well.
        public var failuresInARow: Int
        /// The last failure and what to do about it, in one line; nil: there was none.
        public var lastError: String?
        /// When it was, UTC, microseconds since 1970.
        public var lastErrorAt: Int64?
        /// When a segment last arrived, UTC, microseconds since 1970.
        public var lastSentAt: Int64?
        /// Sealed segments that wait.
        public var waitingSegments: Int
        /// Their bytes.
        public var waitingBytes: Int64
        /// Time of the oldest event that waits, UTC, microseconds since 1970; nil: none does.
        public var oldestWaitingAt: Int64?
        /// Segments that this place will never get: removed by retention before they were sent, or damaged.
        public var lostSegments: UInt64
        /// Their rows, and others that it will never get.
        public var lostRows: UInt64
        /// Their bytes.
        public var lostBytes: UInt64
        /// Rows that this place will never get, one by one (``lostRows`` has them too), by why: rejected (it took the request
        /// without them), refused (the request that had them), too_large, damaged (here).
        public var refusedRows: [String: UInt64]

        init(_ status: ExporterStatus) {
            name = status.name
            place = status.place
            state = status.state.rawValue
            sentSegments = status.sentSegments
            sentRows = status.sentRows
            sentBytes = status.sentBytes
            retries = status.retries
            errors = status.errors
            failuresInARow = status.failuresInARow
            lastError = status.lastError
            lastErrorAt = status.lastErrorNs.map { $0 / 1000 }
            lastSentAt = status.lastSentNs.map { $0 / 1000 }
            waitingSegments = status.waitingSegments
            waitingBytes = status.waitingBytes
            oldestWaitingAt = status.oldestWaitingNs.map { $0 / 1000 }
            lostSegments = status.lostSegments
            lostRows = status.lostRows
            lostBytes = status.lostBytes
            refusedRows = status.refusedRows
        }
    }
}
