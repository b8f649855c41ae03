extension AgentConfiguration {
    /// Old segments of an hour become one, while the agent runs.
    public struct Compact: Sendable, Hashable {
        /// Whether they do.
        public var isEnabled = true
        /// Nanoseconds since a segment's last row before it is touched.
        public var minAgeNs: UInt64 = 3_600_000_000_000
        /// Share of a CPU that it may take, 0.01…1.
        public var cpuBudget = 0.05
        /// Fewer segments of an hour are left as they are, 2…256.
        public var minSegments = 4
        /// Bytes of segments that are put together at most.
        public var maxBytes = 64 << 20
        /// Level of zstd, 1…19.
        public var level = 9

        /// The defaults.
        public init() {}
    }
}
