public import TapioEvents

/// What was counted and timed while a load ran.
public struct KernelMeasurement: Sendable, Hashable, Codable {
    /// The load's name.
    public var load = ""
    /// How often it was caused, by all generators together.
    public var count = 0
    /// From the start signal until all that it caused was in the archive, ns.
    public var elapsedNs: UInt64 = 0
    /// From the start signal until the last generator's end, ns.
    public var loadNs: UInt64 = 0
    /// CPU time of the generators, ns.
    public var generatorNs: UInt64 = 0
    /// CPU time of the agent's process in user mode, ns, with what it needs when nothing happens.
    public var userNs: UInt64 = 0
    /// The same in the kernel, ns.
    public var systemNs: UInt64 = 0
    /// The same while no generator ran, within ``idleNs``.
    public var idleUserNs: UInt64 = 0
    /// The same in the kernel.
    public var idleSystemNs: UInt64 = 0
    /// How long that was, ns.
    public var idleNs: UInt64 = 0
    /// CPU time of the readers, ns; part of the above.
    public var readerNs: UInt64 = 0
    /// CPU time of the encoders, ns; part of it too.
    public var encoderNs: UInt64 = 0
    /// What the ledger counted, by kind: events of others on this machine too.
    public var ledger: [String: LedgerEntry] = [:]
    /// Events that the generators caused, by kind.
    public var caused: [String: Int] = [:]
    /// Those of them that a query finds in the archive, by kind.
    public var found: [String: Int] = [:]
    /// From the kernel's timestamp until a record was read, ns: first and last record of each drain, at most 25 % too high.
    public var latencyP50Ns: UInt64 = 0
    /// The same for 99 of 100.
    public var latencyP99Ns: UInt64 = 0
    /// The most memory that the process had, bytes.
    public var residentBytes: Int64 = 0
    /// Bytes of the archive's files.
    public var archiveBytes: Int64 = 0
    /// Rows in the archive, the ledger's among them.
    public var archiveRows: Int64 = 0
    /// What does not add up: a line each.
    public var problems: [String] = []
    /// What programs in the kernel took, where that was measured.
    public var programs: [ProgramRuns] = []

    /// How often a program ran.
    public struct ProgramRuns: Sendable, Hashable, Codable {
        /// The program.
        public var name: String
        /// Its runs.
        public var runs: UInt64
        /// Their time, ns.
        public var runTimeNs: UInt64
    }

    /// Nothing yet.
    public init() {}

    /// All kinds together.
    public var total: LedgerEntry { ledger.values.reduce(into: LedgerEntry()) { $0.add($1) } }

    /// Caused events that are neither in the archive nor among the ledger's losses, and such as nobody caused: a line each.
    var contradictions: [String] {
        caused.sorted { $0.key < $1.key }.compactMap { kind, caused in
            let found = found[kind] ?? 0
            let entry = ledger[kind] ?? LedgerEntry()
            let explained = Int(clamping: entry.lost &+ entry.sampledOut)
            if found > caused { return "\(kind): \(caused) caused, and \(found) in the archive" }
            if caused > found + explained {
                return "\(kind): \(caused) caused, \(found) in the archive, and the ledger tells of \(explained) lost"
            }
            return nil
        }
    }
}

/// What follows from a measurement.
public struct KernelFigures: Sendable, Hashable, Codable {
    /// Events that probes saw.
    public var attempted: UInt64
    /// Events that are in the archive.
    public var archived: UInt64
    /// Events that were lost, for whatever reason.
    public var lost: UInt64
    /// Archived each second.
    public var eventsPerSecond: Double
    /// The agent's CPU time in user mode for an archived event, without what it needs when idle, ns.
    public var userNsPerEvent: Double
    /// The same in the kernel.
    public var systemNsPerEvent: Double
    /// The part of the readers.
    public var readerNsPerEvent: Double
    /// The part of the encoders.
    public var encoderNsPerEvent: Double
    /// The part of one core that the agent needs when idle, 0…1.
    public var idleCPUShare: Double
    /// Bytes of the archive's files for a row.
    public var bytesPerRow: Double
    /// Whether every event is accounted for, and all that the generators caused and nothing lost is in the archive.
    public var isProven: Bool

    /// Derives them.
    public init(_ measurement: KernelMeasurement) {
        let total = measurement.total
        attempted = total.attempted
        archived = total.archived
        lost = total.lost
        let events = Double(max(1, total.archived))
        func withoutIdle(_ ns: UInt64, _ idle: UInt64) -> Double {
            guard measurement.idleNs > 0 else { return Double(ns) / events }
            let share = Double(idle) / Double(measurement.idleNs) * Double(measurement.elapsedNs)
            return max(0, Double(ns) - share) / events
        }
        eventsPerSecond = Double(total.archived) * 1e9 / Double(max(1, measurement.elapsedNs))
        userNsPerEvent = withoutIdle(measurement.userNs, measurement.idleUserNs)
        systemNsPerEvent = withoutIdle(measurement.systemNs, measurement.idleSystemNs)
        readerNsPerEvent = Double(measurement.readerNs) / events
        encoderNsPerEvent = Double(measurement.encoderNs) / events
        idleCPUShare =
            Double(measurement.idleUserNs + measurement.idleSystemNs) / Double(max(1, measurement.idleNs))
        bytesPerRow = Double(measurement.archiveBytes) / Double(max(1, measurement.archiveRows))
        isProven = measurement.problems.isEmpty
    }
}
