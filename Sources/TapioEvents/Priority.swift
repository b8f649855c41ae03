/// How much an event matters when not all can be kept. Numbers as in `bpf/include/tapio_records.h`.
public enum Priority: UInt8, CaseIterable, Sendable, Codable {
    /// Never sampled, shed last.
    case critical = 0
    /// Travels in the urgent lane.
    case high = 1
    /// Travels in the bulk lane.
    case normal = 2
    /// Travels in the bulk lane and is the first to be sampled.
    case low = 3

    /// The name that archives, JSON and the query language use.
    public var name: String {
        switch self {
        case .critical: "critical"
        case .high: "high"
        case .normal: "normal"
        case .low: "low"
        }
    }

    /// The lane that events of this priority travel in.
    public var lane: Lane {
        self.rawValue <= Priority.high.rawValue ? .urgent : .bulk
    }
}

/// The way from the kernel to the archive that a record takes. A flood in one lane cannot displace the other.
public enum Lane: UInt8, CaseIterable, Sendable, Codable {
    /// Critical and high.
    case urgent = 0
    /// Normal and low.
    case bulk = 1

    /// The name that status and metrics use.
    public var name: String {
        switch self {
        case .urgent: "urgent"
        case .bulk: "bulk"
        }
    }
}
