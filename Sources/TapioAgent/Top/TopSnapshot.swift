/// What `tapio top --json` writes: the figures of one interval. Its keys are stable: some are added, none changes.
public struct TopSnapshot: Encodable, Sendable {
    /// UTC, microseconds since 1970, at the interval's end.
    public var takenAt: Int64
    /// How long the interval was.
    public var seconds: Double
    /// Name of the node.
    public var node: String
    /// Version of the agent.
    public var version: String
    /// Whether the agent is well.
    public var health: StatusReport.Health
    /// All kinds together; its rates are missing where the agent's counters began anew in the interval.
    public var total: TopData.KindRate
    /// The busiest first.
    public var kinds: [TopData.KindRate]
    /// The same added up by collector.
    public var collectors: [TopData.CollectorRate]
    /// From the kernel's timestamp to the reader's check, nanoseconds; null where nothing was measured in the interval.
    public var latencyP50Ns: UInt64?
    /// The same for the slowest of a hundred.
    public var latencyP99Ns: UInt64?
    /// Resident memory of the agent, bytes.
    public var residentBytes: Int64
    /// CPU that the agent used, as a fraction of one core; null where not known.
    public var agentCPU: Double?
    /// The same of its kernel programs; null unless the kernel keeps account.
    public var programCPU: Double?
    /// Compressed bytes written a second; null where not known.
    public var archivedBytesPerSecond: Double?
    /// How the look-ups of events were answered.
    public var caches: [TopData.CacheRate]
    /// Records that the rankings are made of.
    public var rankedRecords: UInt64
    /// Events that these stand for.
    public var rankedEvents: Double
    /// Records that the rankings lack, because they were too many to look at.
    public var skippedRecords: UInt64
    /// Events of the interval by who caused them; names as they are, not escaped.
    public var processes: TopReading.Ranking
    /// The same by name, whatever the process.
    public var commands: TopReading.Ranking
    /// The same by pod, container or unit.
    public var owners: TopReading.Ranking
    /// The same by who was at the other end.
    public var peers: TopReading.Ranking

    /// The last interval of what is known; nil before the first.
    public init?(_ data: TopData) {
        guard let reading = data.reading, reading.seconds > 0 else { return nil }
        takenAt = reading.status.takenAt
        seconds = reading.seconds
        node = reading.status.node
        version = reading.status.version
        health = reading.status.health
        total = data.total
        kinds = data.kinds
        collectors = data.collectors
        latencyP50Ns = reading.latencyP50Ns
        latencyP99Ns = reading.latencyP99Ns
        residentBytes = reading.status.process.residentBytes
        agentCPU = data.agentCPU
        programCPU = data.programCPU
        archivedBytesPerSecond = data.archivedBytes
        caches = data.caches
        rankedRecords = reading.records
        rankedEvents = reading.events
        skippedRecords = reading.skipped
        processes = reading.processes
        commands = reading.commands
        owners = reading.owners
        peers = reading.peers
    }
}
