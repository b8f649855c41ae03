public import TapioEvents
import TapioPipeline

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
    /// Time for which generators with a rate could not keep up with it, ns: their rate was lower by as much.
    public var skippedNs: UInt64 = 0
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
    /// The same by priority: critical, high, normal, low.
    public var priorities: [String: LedgerEntry] = [:]
    /// Events that the generators caused, by kind.
    public var caused: [String: Int] = [:]
    /// Those of them that a query finds in the archive as rows of their own, by kind.
    public var found: [String: Int] = [:]
    /// How many there were, as a query tells from these rows' weights and from summaries; an estimate where events were
    /// sampled out.
    public var told: [String: Double] = [:]
    /// From the kernel's timestamp until a record was read, ns: first and last record of each drain, at most 6.25 % too high.
    public var latencyP50Ns: UInt64 = 0
    /// The same for 99 of 100.
    public var latencyP99Ns: UInt64 = 0
    /// From the kernel's timestamp until a record was durable on disk, ns: earliest and latest event of each row group, at
    /// most 6.25 % too high.
    public var durableP50Ns: UInt64 = 0
    /// The same for 99 of 100.
    public var durableP99Ns: UInt64 = 0
    /// Row groups of which that is known.
    public var durableGroups: UInt64 = 0
    /// The most memory that the process had, bytes, at any time from before its agent was started.
    public var residentBytes: Int64 = 0
    /// The memory that it had while the load ran.
    public var resident = Resident([])
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

    mutating func write(durable: LatencyHistogram.Snapshot) {
        durableP50Ns = durable.percentile(0.5) ?? 0
        durableP99Ns = durable.percentile(0.99) ?? 0
        durableGroups = durable.count / 2
    }

    /// Resident memory, seen twice a second.
    public struct Resident: Sendable, Hashable, Codable {
        /// Least, bytes.
        public var least: Int64
        /// The median, bytes.
        public var median: Int64
        /// Most, bytes.
        public var most: Int64
        /// The medians of the first and of the last quarter of the time, bytes: how it grows.
        public var firstQuarter: Int64
        /// See above.
        public var lastQuarter: Int64
        /// How often it was looked at.
        public var samples: Int

        init(_ samples: [Int64]) {
            func median(_ part: ArraySlice<Int64>) -> Int64 { part.isEmpty ? 0 : part.sorted()[part.count / 2] }
            let quarter = max(1, samples.count / 4)
            least = samples.min() ?? 0
            self.median = median(samples[...])
            most = samples.max() ?? 0
            firstQuarter = median(samples.prefix(quarter))
            lastQuarter = median(samples.suffix(quarter))
            self.samples = samples.count
        }
    }

    /// What does not add up between the generators, the ledger and the archive: a line each.
    ///
    /// - Parameter isExact: Nobody but the generators caused events of these kinds, so that the numbers must be the same.
    func contradictions(isExact: Bool) -> [String] {
        caused.sorted { $0.key < $1.key }.compactMap { kind, caused in
            let found = found[kind] ?? 0
            let entry = ledger[kind] ?? LedgerEntry()
            let explained = Int(clamping: entry.lost &+ entry.sampledOut &+ entry.aggregated)
            if found > caused { return "\(kind): \(caused) caused, and \(found) in the archive" }
            if caused > found + explained {
                return "\(kind): \(caused) caused, \(found) in the archive, and the ledger tells of \(explained) others"
            }
            let inRows = entry.archived &+ entry.aggregated
            if isExact && entry.sampledOut == 0 && (told[kind] ?? 0) != Double(inRows) {
                return "\(kind): \(inRows) in the archive, and a query counts \(told[kind] ?? 0)"
            }
            guard isExact else { return nil }
            if Int(clamping: entry.attempted) != caused {
                return "\(kind): \(caused) caused, and the ledger tells of \(entry.attempted)"
            }
            if found + explained != caused {
                return "\(kind): \(caused) caused, \(found) in the archive and \(explained) accounted for otherwise"
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
    /// Events that were lost for want of room in a ring.
    public var ringFull: UInt64
    /// Events that the reader's checks refused.
    public var malformed: UInt64
    /// Events that were dropped under pressure.
    public var shed: UInt64
    /// Events that could not be written.
    public var failed: UInt64
    /// Events that were lost though critical or high: there should be none.
    public var urgentLost: UInt64
    /// Events that the keep probability turned away.
    public var sampledOut: UInt64
    /// Events that are in the archive as part of a summary.
    public var aggregated: UInt64
    /// What the generators caused each second, in times: of a program, a connection, a call.
    public var causedPerSecond: Double
    /// The part of one core that the agent took while the load ran, 0…: user and kernel.
    public var cpuShare: Double
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
        ringFull = total.ringFull
        malformed = total.malformed
        shed = total.shed
        failed = total.failed
        urgentLost = ["critical", "high"].reduce(0) { $0 + (measurement.priorities[$1]?.lost ?? 0) }
        sampledOut = total.sampledOut
        aggregated = total.aggregated
        causedPerSecond = Double(measurement.count) * 1e9 / Double(max(1, measurement.loadNs))
        cpuShare = Double(measurement.userNs + measurement.systemNs) / Double(max(1, measurement.elapsedNs))
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
