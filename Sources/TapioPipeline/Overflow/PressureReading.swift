/// How hard the pipeline is pressed, at one time: what the ladder decides from, beside what each kind demands.
public struct PressureReading: Sendable, Hashable {
    /// The rings of a lane.
    public struct Rings: Sendable, Hashable {
        /// Fill of the fullest ring as its reader found it, the most since the last reading: 0…1.
        public var peak = 0.0
        /// The same as the reader found it last, or now if that is more: high for one that stays full, low after a burst.
        public var latest = 0.0
        /// Events that found no room since the last reading.
        public var lost: UInt64 = 0
        /// Events that the readers took since the last reading.
        public var taken: UInt64 = 0

        /// Empty rings.
        public init(peak: Double = 0, latest: Double = 0, lost: UInt64 = 0, taken: UInt64 = 0) {
            self.peak = peak
            self.latest = latest
            self.lost = lost
            self.taken = taken
        }
    }

    /// What waits between two stages.
    public struct Backlog: Sendable, Hashable {
        /// Bytes that wait.
        public var bytes: Int
        /// The most that may wait, bytes.
        public var bound: Int
        /// How near that is to holding up who comes before: 0…1.
        public var fill: Double

        /// So much, by its bytes or as `fill` says.
        public init(bytes: Int = 0, bound: Int = 1, fill: Double? = nil) {
            self.bytes = bytes
            self.bound = bound
            self.fill = min(1, max(0, fill ?? Double(bytes) / Double(max(1, bound))))
        }
    }

    /// Critical and high.
    public var urgentRings = Rings()
    /// Normal and low.
    public var bulkRings = Rings()
    /// Sealed batches that wait for an encoder; full where readers find no place for bulk. A single batch in transit is no
    /// backlog.
    public var batches = Backlog()
    /// Encoded batches that wait for the one who writes them. A single batch in transit is no backlog.
    public var export = Backlog()
    /// Nanoseconds since the oldest of these was handed over; 0 while there is none.
    public var exportAgeNs: UInt64 = 0
    /// Rows that were written, or failed to be, since the last reading.
    public var departed: UInt64 = 0

    /// No pressure.
    public init() {}
}

/// Where pressure is.
public enum PressureCause: String, Sendable, Hashable, Codable, CaseIterable {
    /// A ring of critical and high events fills faster than its reader drains it.
    case urgentRing = "urgent_ring"
    /// A ring of normal and low events does.
    case bulkRing = "bulk_ring"
    /// Sealed batches wait for the encoders.
    case batches
    /// Encoded batches wait for the archive.
    case export
    /// None: what was lowered is raised again.
    case recovery
    /// None: more came than what was known to be too much.
    case demand
    /// The operator changed the configuration.
    case configuration
}

/// Events of one kind since the last reading, as the kernel counted them.
public struct KindLoad: Sendable, Hashable {
    /// Seen by the probes, and not turned away by their filters.
    public var wanted: UInt64
    /// Handed over through a ring.
    public var submitted: UInt64

    /// So many.
    public init(wanted: UInt64, submitted: UInt64) {
        self.wanted = wanted
        self.submitted = submitted
    }
}
