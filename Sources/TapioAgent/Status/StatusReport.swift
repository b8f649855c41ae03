public import TapioEvents

/// Everything that `tapio status` and `tapio ledger` show: a snapshot of the running agent. Its JSON is stable: keys are
/// added, never changed.
public struct StatusReport: Codable, Sendable {
    public var version = TapioVersion.current
    public var pid: Int32 = 0
    public var node = ""
    /// UTC, microseconds since 1970.
    public var startedAt: Int64 = 0
    /// UTC, microseconds since 1970.
    public var takenAt: Int64 = 0
    public var health = Health()
    public var configuration = Configuration()
    public var collectors: [Collector] = []
    public var ledger: [LedgerLine] = []
    public var pipeline = Pipeline()
    public var archive = Archive()
    public var process = Process()

    /// Nothing known yet.
    public init() {}

    /// Whether the agent is well, and if not, why.
    public struct Health: Codable, Sendable {
        public var isHealthy = true
        /// One line each: what is wrong and what to do.
        public var problems: [String] = []
        public init() {}
    }

    /// The configuration in force, and what became of the last reload.
    public struct Configuration: Codable, Sendable {
        /// The file; nil where none was read.
        public var path: String?
        /// xxh64 of the effective values, 16 hexadecimal digits.
        public var hash = ""
        public var reloads: UInt64 = 0
        public var failedReloads: UInt64 = 0
        public var lastReload: Reload?
        public init() {}
    }

    /// What became of a SIGHUP.
    public struct Reload: Codable, Sendable {
        /// UTC, microseconds since 1970.
        public var at: Int64
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
        public var name: String
        /// disabled, starting, running, failed, stopping, stopped.
        public var state: String
        /// UTC, microseconds since 1970.
        public var since: Int64
        /// Why it failed and what would help, in one line.
        public var error: String?
        public var restarts: Int
        public var programs: [Program]
        /// Counters of the collector's own, such as `tracking_full`.
        public var counters: [String: UInt64]

        /// A state.
        public init(
            name: String,
            state: String,
            since: Int64,
            error: String? = nil,
            restarts: Int = 0,
            programs: [Program] = [],
            counters: [String: UInt64] = [:]
        ) {
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
        public var name: String
        /// Runs and time are counted only while BPF statistics are on (kernel.bpf_stats_enabled).
        public var runs: UInt64
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
        public var kind: String
        public var collector: String
        public var priority: String
        public var counts: LedgerEntry
        public var inFlight: Int64
        /// Where the identity does not hold: stage and how many are unaccounted for. Empty when it closes.
        public var violations: [String]

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

    /// Threads, queues and rings.
    public struct Pipeline: Codable, Sendable {
        public var readers = 0
        public var encoders = 0
        public var ringBytesPerCPU: [String: Int] = [:]
        /// Bytes that wait in the fullest ring, as a fraction of it.
        public var fullestRing = 0.0
        public var batchesQueued = 0
        public var batchesQueuedLimit = 0
        /// Events that a live view did not get because it was too slow; the archive has them.
        public var liveViewSkipped: UInt64 = 0
        /// From the kernel's timestamp to the reader's check, nanoseconds.
        public var latencyP50Ns: UInt64 = 0
        public var latencyP99Ns: UInt64 = 0
        public init() {}
    }

    /// The archive on disk.
    public struct Archive: Codable, Sendable {
        public var path = ""
        /// Name of the segment that is being written; nil while there is none.
        public var openSegment: String?
        public var sealedSegments = 0
        public var bytesOnDisk: Int64 = 0
        public var rowsWritten: UInt64 = 0
        public var bytesWritten: UInt64 = 0
        public var writeErrors: UInt64 = 0
        public var lastError: String?
        public var segmentsDeleted: UInt64 = 0
        public init() {}
    }

    /// What the agent itself uses.
    public struct Process: Codable, Sendable {
        public var residentBytes: Int64 = 0
        public var userSeconds = 0.0
        public var systemSeconds = 0.0
        public init() {}
    }
}
