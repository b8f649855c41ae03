extension StatusReport {
    /// What became of old segments in the background. Counts are since the start.
    public struct Compaction: Codable, Sendable {
        /// Whether it is on.
        public var isEnabled = false
        /// Share of a CPU that it may take.
        public var cpuBudget = 0.0
        /// Merges: so often a segment took the place of several.
        public var runs: UInt64 = 0
        /// Segments that were replaced.
        public var segmentsBefore: UInt64 = 0
        /// Segments that took their place.
        public var segmentsAfter: UInt64 = 0
        /// Rows in them.
        public var rows: UInt64 = 0
        /// Bytes of what was replaced.
        public var bytesBefore: UInt64 = 0
        /// Bytes of what took its place.
        public var bytesAfter: UInt64 = 0
        /// CPU time, nanoseconds.
        public var cpuNs: UInt64 = 0
        /// Merges and replacements that failed.
        public var failures: UInt64 = 0
        /// The last failure, in one line.
        public var lastError: String?
        /// Segments that are left alone until the next start, since a merge of them failed.
        public var blockedSegments = 0
        /// Whether a merge waits for room on the file system.
        public var isShortOfRoom = false
        /// When a segment last took the place of others, UTC, microseconds since 1970.
        public var lastAt: Int64?
        /// Nothing done yet.
        public init() {}
    }
}
