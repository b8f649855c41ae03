public import TapioEvents

/// Everything that `tapio status` and `tapio ledger` show: a snapshot of the running agent. Its JSON is stable: keys are
/// added, never changed.
public struct StatusReport: Codable, Sendable {
    /// Version of the agent.
    public var version = TapioVersion.current
    /// Process id of the agent.
    public var pid: Int32 = 0
    /// Name of the node, as in the archive's paths.
    public var node = ""
    /// UTC, microseconds since 1970.
    public var startedAt: Int64 = 0
    /// UTC, microseconds since 1970.
    public var takenAt: Int64 = 0
    /// Whether the agent is well.
    public var health = Health()
    /// What it was told to do.
    public var configuration = Configuration()
    /// In the order of the registry.
    public var collectors: [Collector] = []
    /// By kind; kinds that never counted anything are left out.
    public var ledger: [LedgerLine] = []
    /// From rings to encoded batches.
    public var pipeline = Pipeline()
    /// What is found out about whose events are.
    public var enrichment = Enrichment()
    /// What presses the pipeline, and how much is kept.
    public var overflow = Overflow()
    /// What is written and kept.
    public var archive = Archive()
    /// Where metrics and probes are served.
    public var http = HTTP()
    /// What is sent elsewhere, by name; empty: nothing is.
    public var exporters: [Exporter] = []
    /// What the agent costs.
    public var process = Process()
    /// What it may do; nil where it dropped nothing, as when another program runs it.
    public var privileges: Privileges?

    /// Nothing known yet.
    public init() {}

    /// Whether the agent is well, and if not, why.
    public struct Health: Codable, Sendable {
        /// False as soon as there is a problem.
        public var isHealthy = true
        /// One line each: what is wrong and what to do.
        public var problems: [String] = []
        /// Well.
        public init() {}
    }

    /// The configuration in force, and what became of the last reload.
    public struct Configuration: Codable, Sendable {
        /// The file; nil where none was read.
        public var path: String?
        /// xxh64 of the effective values, 16 hexadecimal digits.
        public var hash = ""
        /// SIGHUPs that were applied.
        public var reloads: UInt64 = 0
        /// SIGHUPs that were refused.
        public var failedReloads: UInt64 = 0
        /// Nil before the first SIGHUP.
        public var lastReload: Reload?
        /// Nothing read yet.
        public init() {}
    }

    /// What became of a SIGHUP.
    public struct Reload: Codable, Sendable {
        /// UTC, microseconds since 1970.
        public var at: Int64
        /// False: the file was refused, and nothing changed.
        public var isApplied: Bool
        /// Keys that changed.
        public var changed: [String]
        /// Keys that changed but need a restart to take effect.
        public var needsRestart: [String]
        /// What happened, in one line; the errors of a refused file.
        public var message: String

        /// An outcome.
        public init(at: Int64, isApplied: Bool, changed: [String], needsRestart: [String], message: String) {
            self.at = at
            self.isApplied = isApplied
            self.changed = changed
            self.needsRestart = needsRestart
            self.message = message
        }
    }

    /// A collector's state.
    public struct Collector: Codable, Sendable {
        /// As in the configuration.
        public var name: String
        /// disabled, starting, running, failed, stopping, stopped.
        public var state: String
        /// UTC, microseconds since 1970.
        public var since: Int64
        /// Why it failed and what would help, in one line.
        public var error: String?
        /// Starts after a failure.
        public var restarts: Int
        /// Those that are attached.
        public var programs: [Program]
        /// Counters of the collector's own, such as `tracking_full`.
        public var counters: [String: UInt64]
        /// What the kernel granted it, a line each.
        public var notes: [String]

        /// A state.
        public init(
            name: String,
            state: String,
            since: Int64,
            error: String? = nil,
            restarts: Int = 0,
            programs: [Program] = [],
            counters: [String: UInt64] = [:],
            notes: [String] = []
        ) {
            self.notes = notes
            self.name = name
            self.state = state
            self.since = since
            self.error = error
            self.restarts = restarts
            self.programs = programs
            self.counters = counters
        }
    }

    /// An attached kernel program.
    public struct Program: Codable, Sendable {
        /// The program's name in its BPF object.
        public var name: String
        /// Runs and time are counted only while BPF statistics are on (kernel.bpf_stats_enabled).
        public var runs: UInt64
        /// CPU time of all runs together, nanoseconds.
        public var runTimeNs: UInt64
        /// Times that the kernel did not run it because it was already running on that CPU: no probe saw those events.
        public var missed: UInt64

        /// A program's figures.
        public init(name: String, runs: UInt64, runTimeNs: UInt64, missed: UInt64) {
            self.name = name
            self.runs = runs
            self.runTimeNs = runTimeNs
            self.missed = missed
        }
    }

    /// What became of one kind's events since the agent started.
    public struct LedgerLine: Codable, Sendable {
        /// Name of the kind.
        public var kind: String
        /// The collector that emits it.
        public var collector: String
        /// critical, high, normal or low.
        public var priority: String
        /// Since the agent started.
        public var counts: LedgerEntry
        /// Attempted and not accounted for yet.
        public var inFlight: Int64
        /// Where the identity does not hold: stage and how many are unaccounted for. Empty when it closes.
        public var violations: [String]
        /// full, sampled, aggregated or counted_only.
        public var rung: String?
        /// The probability with which an event is kept now.
        public var keep: Double?

        /// A kind's line.
        public init(
            kind: String,
            collector: String,
            priority: String,
            counts: LedgerEntry,
            inFlight: Int64,
            violations: [String]
        ) {
            self.kind = kind
            self.collector = collector
            self.priority = priority
            self.counts = counts
            self.inFlight = inFlight
            self.violations = violations
        }
    }

    /// Pressure, and what follows from it.
    public struct Overflow: Codable, Sendable {
        /// Whether less is kept under pressure; else only the configured probabilities hold.
        public var isAutomatic = true
        /// Where there is pressure.
        public var pressure = Pressure()
        /// Rows a second that are let through; nil while there is no limit.
        public var eventsPerSecond: Double?
        /// Every kind, in the order of the registry.
        public var kinds: [KindSampling] = []
        /// Nothing looked at yet.
        public init() {}
    }

    /// How near each stage was to its bound in the last twentieth of a second: 0…1.
    public struct Pressure: Codable, Sendable {
        /// The fullest ring of critical and high events.
        public var urgentRing = 0.0
        /// The fullest ring of normal and low events.
        public var bulkRing = 0.0
        /// Batches that wait for an encoder, or for memory.
        public var batches = 0.0
        /// Encoded batches that wait for the archive.
        public var export = 0.0
        /// Time since the oldest of these was handed over, nanoseconds.
        public var exportAgeNs: UInt64 = 0
        /// None.
        public init() {}
    }

    /// How much of a kind is kept.
    public struct KindSampling: Codable, Sendable {
        /// Name of the kind.
        public var kind: String
        /// full, sampled, aggregated or counted_only.
        public var rung: String
        /// The probability with which an event is kept now; 0: none is, they are counted.
        public var keep: Double
        /// The probability that the configuration allows.
        public var configuredKeep: Double
        /// independent or process: who draws the lot.
        public var mode: String
        /// How often the probability changed since the start.
        public var epochs: UInt64
        /// When it did last, UTC, microseconds since 1970; nil: never.
        public var since: Int64?
        /// Events that come in a second.
        public var eventsPerSecond: Double

        /// A kind's state.
        public init(
            kind: String,
            rung: String,
            keep: Double,
            configuredKeep: Double,
            mode: String,
            epochs: UInt64,
            since: Int64?,
            eventsPerSecond: Double
        ) {
            self.kind = kind
            self.rung = rung
            self.keep = keep
            self.configuredKeep = configuredKeep
            self.mode = mode
            self.epochs = epochs
            self.since = since
            self.eventsPerSecond = eventsPerSecond
        }
    }

    /// What is found out about whose events are.
    public struct Enrichment: Codable, Sendable {
        /// Questions for a cgroup that was known.
        public var hits: UInt64 = 0
        /// Questions for one that was not; their events are `late`.
        public var misses: UInt64 = 0
        /// Questions for one that had been known for too long; `late` too.
        public var expired: UInt64 = 0
        /// Questions that met a change of the entry; `late` too.
        public var contended: UInt64 = 0
        /// Entries that made room for others before their time.
        public var evictions: UInt64 = 0
        /// Entries that there can be.
        public var capacity = 0
        /// Cgroups that were found out about.
        public var resolved: UInt64 = 0
        /// Cgroups that were gone before anybody looked.
        public var gone: UInt64 = 0
        /// Questions for which there was no place among those that wait; the next event asks again.
        public var refused: UInt64 = 0
        /// Different containers, pods and units in the table.
        public var meanings = 0
        /// The API that is asked for pods and services; nil: none is.
        public var kubernetesURL: String?
        /// Why none is, or what is wrong with it.
        public var kubernetesError: String?
        /// Pods known.
        public var pods = 0
        /// Services known.
        public var services = 0
        /// Whether all pods and services have come at least once.
        public var isSynced = false
        /// What each look-up of an event was answered with: cgroups, names, services.
        public var caches: [Cache] = []
        /// What is learned of other ends.
        public var names = Names()
        /// What the table of processes is made of.
        public var processes = Processes()
        /// Nothing asked yet.
        public init() {}
    }

    /// What became of the questions to a cache. Each is a hit, a miss, expired or contended; of those that are no hit, some are
    /// known to have no answer. For a name that was not known an event asks again when its batch is handed over.
    public struct Cache: Codable, Sendable {
        /// What is asked for: cgroups, names or services.
        public var name: String
        /// Questions that were answered.
        public var hits: UInt64 = 0
        /// Questions for what was not there.
        public var misses: UInt64 = 0
        /// Questions for what had been known for too long.
        public var expired: UInt64 = 0
        /// Questions that met a change of the entry.
        public var contended: UInt64 = 0
        /// Entries that made room for others before their time.
        public var evictions: UInt64 = 0
        /// Entries that there can be; 0: as many as there are.
        public var capacity = 0
        /// Questions for what is known to be unknown: nobody had to be asked.
        public var negativeHits: UInt64 = 0
        /// Questions for what had been known to be unknown for too long.
        public var negativeExpired: UInt64 = 0
        /// What is known to be unknown and made room for others before its time.
        public var negativeEvictions: UInt64 = 0
        /// Questions that the Bloom filter in front of it answered alone.
        public var filtered: UInt64 = 0
        /// Questions that the filter let through in vain.
        public var falsePositives: UInt64 = 0
        /// How often the filter was made anew.
        public var filterRebuilds: UInt64 = 0

        /// Nothing asked yet.
        public init(name: String) { self.name = name }
    }

    /// What the table of processes beside the archive is made of.
    public struct Processes: Codable, Sendable {
        /// Processes that are known now.
        public var live = 0
        /// Records of processes for which there was no place on their way: those are missing in the table, not in the archive.
        public var dropped: UInt64 = 0
        /// Processes that were too many to be known until they end.
        public var forgotten: UInt64 = 0
        /// Rows of the table that were too many.
        public var factsRefused: UInt64 = 0
        /// None known yet.
        public init() {}
    }

    /// What is learned of other ends' names and services.
    public struct Names: Codable, Sendable {
        /// Answers of name servers that were learned from.
        public var answers: UInt64 = 0
        /// Answers for which there was no place among those that wait.
        public var answersDropped: UInt64 = 0
        /// Names that were too long, or too many at a time.
        public var refused: UInt64 = 0
        /// Questions for an address for which there was no place among those that wait; the next event asks again.
        public var questionsRefused: UInt64 = 0
        /// Addresses whose name is known, or was.
        public var addresses = 0
        /// Different names of them.
        public var names = 0
        /// Addresses and ports of services.
        public var services = 0
        /// Rows of the tables beside the archive that were too many.
        public var factsRefused: UInt64 = 0
        /// Nothing learned yet.
        public init() {}
    }

    /// Threads, queues and rings.
    public struct Pipeline: Codable, Sendable {
        /// Reader threads.
        public var readers = 0
        /// Encoder threads.
        public var encoders = 0
        /// Bytes of a CPU's ring, by lane.
        public var ringBytesPerCPU: [String: Int] = [:]
        /// Bytes that wait in the fullest ring, as a fraction of it.
        public var fullestRing = 0.0
        /// Sealed batches that wait for an encoder.
        public var batchesQueued = 0
        /// Bytes of memory that open, waiting and encoding batches hold.
        public var batchBytes = 0
        /// The most that they may hold.
        public var batchBytesLimit = 0
        /// Bytes of their pool that encoders and encoded batches hold.
        public var encoderBytes = 0
        /// The most that they may hold.
        public var encoderBytesLimit = 0
        /// Bytes that they hold beside the pool: what is larger than its buffers, or found none.
        public var encoderHeapBytes = 0
        /// The most that these ever were.
        public var encoderHeapBytesHighWater = 0
        /// How often something was larger than the pool's buffers.
        public var encoderTooLarge: UInt64 = 0
        /// How often the pool had no buffer left.
        public var encoderExhausted: UInt64 = 0
        /// Bytes of encoded batches that wait to be written.
        public var encodedBytes = 0
        /// The most that may wait.
        public var encodedBytesLimit = 0
        /// Events that a live view did not get because it was too slow; the archive has them.
        public var liveViewSkipped: UInt64 = 0
        /// From the kernel's timestamp to the reader's check, nanoseconds.
        public var latencyP50Ns: UInt64 = 0
        /// The same for the slowest of a hundred, nanoseconds.
        public var latencyP99Ns: UInt64 = 0
        /// Nothing measured yet.
        public init() {}
    }

    /// The archive on disk.
    public struct Archive: Codable, Sendable {
        /// The node's directory.
        public var path = ""
        /// Name of the segment that is being written; nil while there is none.
        public var openSegment: String?
        /// Whole seconds that it has been so.
        public var openSeconds: Int64?
        /// Whole seconds after which it is due to be sealed.
        public var sealSeconds: Int64 = 0
        /// Segments that are complete.
        public var sealedSegments = 0
        /// Bytes of the sealed segments.
        public var bytesOnDisk: Int64 = 0
        /// Rows since the start, the ledger's included.
        public var rowsWritten: UInt64 = 0
        /// Compressed bytes of those rows.
        public var bytesWritten: UInt64 = 0
        /// Writes of batches that failed or were refused; a batch that is tried again counts each time.
        public var writeErrors: UInt64 = 0
        /// Why the archive cannot be written just now, in a word that does not change; nil while it can.
        public var trouble: String?
        /// Batches of the urgent lane that wait to be tried again.
        public var keptBatches = 0
        /// Their bytes.
        public var keptBytes = 0
        /// The most that they ever were.
        public var keptBytesHighWater = 0
        /// The most that they may be.
        public var keptBytesLimit = 0
        /// Batches that were given up because they could not be written.
        public var batchesLost: UInt64 = 0
        /// The last failure, in one line.
        public var lastError: String?
        /// Segments that retention removed since the start.
        public var segmentsDeleted: UInt64 = 0
        /// What became of old segments in the background.
        public var compaction = Compaction()
        /// Nothing written yet.
        public init() {}
    }

    /// Where metrics and probes are served.
    public struct HTTP: Codable, Sendable {
        /// Where it listens, as `http.listen` is written, with the port that was chosen; nil: nowhere.
        public var address: String?
        /// Why it does not listen where it should, in one line; nil where it does.
        public var problem: String?
        /// Nowhere.
        public init() {}
    }

    /// What the agent itself uses.
    public struct Process: Codable, Sendable {
        /// Resident memory, bytes. The rings, whose pages the process has mapped twice, count once.
        public var residentBytes: Int64 = 0
        /// CPU time in user mode, seconds.
        public var userSeconds = 0.0
        /// CPU time in the kernel, seconds.
        public var systemSeconds = 0.0
        /// Nothing measured yet.
        public init() {}
    }
}
