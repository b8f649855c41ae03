import TapioQuery

/// What a report tells: all that its page shows, and what `--json` writes.
///
/// Times are UTC microseconds since 1970, durations nanoseconds. Numbers of events are weighted: a row that stands for events
/// that were sampled out counts for them. Text is as the archive has it: whoever shows it has to escape it. Every list is
/// bounded, and says how many did not fit.
public struct ReportData: Codable, Sendable, Equatable {
    /// Version of this form; it grows when a key changes its meaning.
    public var version = 1
    /// What the page is called.
    public var title = ""
    /// The program that made it.
    public var madeBy = ""
    /// Where the archive was.
    public var archive = ""
    /// The nodes that wrote it.
    public var nodes: [String] = []
    /// What was read, and what could not be.
    public var reading = Reading()
    /// The time that it is about; nil where there is no event.
    public var time: TimeSpan?
    /// All events, by kind; the most frequent first.
    public var kinds: [Kind] = []
    /// Events per bucket of the most frequent kinds, and of the others together.
    public var rates: [Series] = []
    /// Percentiles per bucket, by kind.
    public var latencies: [Latency] = []
    /// Kinds with a latency that found no room in ``latencies``.
    public var latenciesLeftOut = 0
    /// What the ledger says, per bucket.
    public var ledger = LedgerSeries()
    /// What was lost or only counted, by time.
    public var gaps = Listing<Gap>()
    /// What the agent did: start, stop, reload and the like.
    public var agent = Listing<AgentEntry>()
    /// The busiest processes.
    public var processes = Ranking<ProcessRank>()
    /// The busiest other ends of connections.
    public var peers = Ranking<PeerRank>()
    /// System calls that failed, by call, error and process.
    public var syscalls = Ranking<SyscallRank>()
    /// Connections that could not be opened.
    public var failedConnections = Ranking<FailedConnectionRank>()
    /// Names that could not be resolved, or slowly.
    public var dns = Ranking<DNSRank>()
    /// The slowest of each kind.
    public var slow = Listing<SlowRequest>()
    /// OOM kills and deaths by a signal.
    public var deaths = Listing<Death>()
    /// How many deaths by a signal there are, of which ``deaths`` lists the rows.
    public var signalDeaths = SignalDeaths()
    /// Processes by their start.
    public var timeline = Listing<ProcessSpan>()

    /// Nothing.
    public init() {}
}

extension ReportData {
    /// The range of time and how it is cut into buckets.
    public struct TimeSpan: Codable, Sendable, Equatable {
        /// Begin of the first bucket.
        public var fromUs: Int64
        /// End of the last.
        public var toUs: Int64
        /// Length of a bucket.
        public var bucketUs: Int64
        /// How many there are, 600 at most.
        public var buckets: Int
        /// Begin of what the archive covers of the time that was asked for, in the first bucket. A rate of that bucket is per
        /// second from here on.
        public var coveredFromUs: Int64
        /// End of it, in the last bucket.
        public var coveredToUs: Int64
    }

    /// What was read, and what could not be.
    public struct Reading: Codable, Sendable, Equatable {
        /// Files.
        public var segments = 0
        /// Files outside the time that was asked for.
        public var segmentsSkipped = 0
        /// Bytes of all files.
        public var bytes = 0
        /// Rows of events in the time.
        public var rows = 0
        /// The events that they stand for.
        public var events = 0.0
        /// Rows outside the time.
        public var rowsOutside = 0
        /// Parts that were skipped since they are damaged, each with the reason; the first 100.
        public var damage: [String] = []
        /// How many there are.
        public var damageCount = 0
        /// Rows in them, as far as is known.
        public var rowsInDamage = 0
        /// Of ``damageCount``, those without which no row is missing, such as a footer.
        public var harmlessDamageCount = 0
        /// What the report lacks, in the words of `tapio query`: a line each; what belongs to the line before begins with
        /// two spaces. Safe for a terminal.
        public var notes: [String] = []
        /// Files that are left out, and why; the first 100.
        public var warnings: [String] = []
        /// How many there are.
        public var warningCount = 0

        /// Whether the report lacks something that the archive should hold, or the archive is damaged beside its rows.
        public var isIncomplete: Bool { !notes.isEmpty || warningCount > 0 }
        /// Whether it lacks something.
        var lacksSomething: Bool { warningCount > 0 || notes.contains { $0.hasPrefix("incomplete") } }

        /// Tells what a scan could not read.
        mutating func add(_ summary: ScanSummary) {
            damage = summary.damage.map { "\($0)" }
            damageCount = summary.damageCount
            rowsInDamage = summary.rowsInDamage
            harmlessDamageCount = summary.harmlessDamageCount
            notes = summary.notes
        }
    }

    /// One kind's figures.
    public struct Kind: Codable, Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Rows.
        public var rows: Int
        /// The events that they stand for.
        public var events: Double
        /// Rows that stand for events that were sampled out: with any, ``events`` is an estimate.
        public var sampledRows: Int
        /// Rows that several events were merged into.
        public var summaryRows: Int
        /// The first.
        public var firstUs: Int64
        /// The last.
        public var lastUs: Int64
    }

    /// A number per bucket.
    public struct Series: Codable, Sendable, Equatable {
        /// Of what.
        public var name: String
        /// By bucket.
        public var values: [Double]
    }

    /// Percentiles of a kind's measure per bucket; null where nothing was measured.
    public struct Latency: Codable, Sendable, Equatable {
        /// The kind.
        public var kind: String
        /// The column: latency_ns or duration_ns.
        public var measure: String
        /// Events that were measured, by bucket: by weight.
        public var counts: [Double]
        /// Those of them that were kept, by bucket: of so many a percentile is known. With fewer than 100 a p99 is the greatest
        /// of them, and says little; a p90 with fewer than 10.
        public var samples: [Double]
        /// Medians, rounded up by at most 6.25 %; of summaries they are within 25 %.
        public var p50: [Double?]
        /// The value that 90 % did not exceed.
        public var p90: [Double?]
        /// The value that 99 % did not exceed.
        public var p99: [Double?]
        /// The greatest.
        public var maximum: [Double?]
    }

    /// What the ledger says of the events of each bucket. An interval that spans several is spread over them evenly.
    public struct LedgerSeries: Codable, Sendable, Equatable {
        /// Whether there is a ledger.
        public var isThere = false
        /// Events that the probes saw.
        public var attempted: [Double] = []
        /// Kept out by sampling.
        public var sampledOut: [Double] = []
        /// Lost: ring full, malformed, shed and failed.
        public var lost: [Double] = []
        /// Begin of the first interval, as far as it lies in the time; 0 where there is no ledger. As
        /// ``TimeSpan/coveredFromUs`` for the rates of the ledger.
        public var fromUs: Int64 = 0
        /// End of the last.
        public var toUs: Int64 = 0
        /// Whether an interval tells of at least a part of the bucket. Of the others nobody knows whether anything happened
        /// that is not in the archive: that there is no event there does not show that there was none.
        public var covered: [Bool] = []
        /// The sums by fate, over the whole time.
        public var totals: [String: Double] = [:]
    }

    /// What was lost, or counted and not kept.
    public struct Gap: Codable, Sendable, Equatable {
        /// Of this kind; nil: not known.
        public var kind: String?
        /// Why.
        public var reason: String
        /// How many; nil: nobody knows.
        public var count: Double?
        /// Begin.
        public var fromUs: Int64
        /// End.
        public var toUs: Int64
    }

    /// Something that the agent did.
    public struct AgentEntry: Codable, Sendable, Equatable {
        /// When.
        public var timeUs: Int64
        /// What: start, stop, reload, sampling and so on.
        public var entry: String
        /// Why.
        public var reason: String?
        /// What else there is to say.
        public var note: String?
    }

    /// A process of any number of pids.
    public struct ProcessRank: Codable, Sendable, Equatable {
        /// Its name.
        public var comm: String
        /// Whose it is: namespace/pod, container or unit.
        public var owner: String
        /// All its events.
        public var events: Double
        /// System calls that failed.
        public var failedCalls: Double
        /// Connections opened or accepted.
        public var connections: Double
        /// Payload sent.
        public var bytesSent: Double
        /// Payload received.
        public var bytesReceived: Double
    }

    /// The other end of connections.
    public struct PeerRank: Codable, Sendable, Equatable {
        /// Its service or name; empty where not known.
        public var name: String
        /// Its address.
        public var address: String
        /// Its port; for incoming connections this end's; nil: not known.
        public var port: Int?
        /// Which end opened them.
        public var direction: String
        /// Connections opened or accepted.
        public var connections: Double
        /// Those that could not be opened.
        public var failed: Double
        /// Payload sent.
        public var bytesSent: Double
        /// Payload received.
        public var bytesReceived: Double
        /// Segments that were sent again.
        public var retransmits: Double
    }

    /// A system call that fails.
    public struct SyscallRank: Codable, Sendable, Equatable {
        /// The call.
        public var syscall: String
        /// The error's name.
        public var error: String
        /// Who called.
        public var comm: String
        /// Whose process it is.
        public var owner: String
        /// How often.
        public var count: Double
    }

    /// A connection that could not be opened.
    public struct FailedConnectionRank: Codable, Sendable, Equatable {
        /// To whom.
        public var peer: String
        /// Why.
        public var error: String
        /// Who tried.
        public var comm: String
        /// Whose process it is.
        public var owner: String
        /// How often.
        public var count: Double
        /// The longest that one was tried.
        public var longestNs: Double
    }

    /// A name that gives trouble.
    public struct DNSRank: Codable, Sendable, Equatable {
        /// The name that was asked for.
        public var name: String
        /// Code of the answer, `timeout` or `slow`.
        public var trouble: String
        /// Who asked.
        public var comm: String
        /// The name server.
        public var server: String
        /// How often.
        public var count: Double
        /// The longest wait for an answer.
        public var longestNs: Double
    }

    /// One request, or wait, that took long.
    public struct SlowRequest: Codable, Sendable, Equatable {
        /// When it was done.
        public var timeUs: Int64
        /// What it was.
        public var kind: String
        /// How long it took.
        public var latencyNs: Double
        /// Whose it was.
        public var pid: Int64
        /// Name of the thread.
        public var comm: String
        /// Whose process it is.
        public var owner: String
        /// What was asked for.
        public var detail: String
    }

    /// The end of a process that did not end by itself.
    public struct Death: Codable, Sendable, Equatable {
        /// When.
        public var timeUs: Int64
        /// oom_kill, signal_death or process_exit.
        public var kind: String
        /// The process.
        public var pid: Int64
        /// Its name.
        public var comm: String
        /// Whose process it is.
        public var owner: String
        /// The signal's number; nil for none.
        public var signal: Int64?
        /// Who sent it, or what ran out.
        public var detail: String
    }

    /// Deaths by a signal, counted of one kind: others tell of the same.
    public struct SignalDeaths: Codable, Sendable, Equatable {
        /// signal_death where there are any, else process_exit; empty where nobody died so.
        public var kind = ""
        /// Its rows that tell of one.
        public var rows = 0
        /// The deaths that they stand for.
        public var events = 0.0
    }

    /// The life of a process, as far as it was seen.
    public struct ProcessSpan: Codable, Sendable, Equatable {
        /// The process.
        public var pid: Int64
        /// Its parent.
        public var ppid: Int64
        /// Its name.
        public var comm: String
        /// Whose process it is.
        public var owner: String
        /// The program; empty where not known.
        public var exe: String
        /// When it began.
        public var startUs: Int64
        /// When it ended; nil: it was not seen to end.
        public var endUs: Int64?
        /// What it returned.
        public var exitCode: Int64?
        /// What killed it.
        public var signal: Int64?
    }

    /// A bounded list.
    public struct Listing<Item: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
        /// What there is room for.
        public var items: [Item] = []
        /// How many there are in all.
        public var total = 0

        /// Nothing.
        public init() {}

        /// Some of `total`.
        public init(_ items: [Item], total: Int) {
            self.items = items
            self.total = total
        }
    }

    /// The greatest of many.
    public struct Ranking<Item: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
        /// The greatest, the first first.
        public var items: [Item] = []
        /// The most by which any count is too small, since not all keys found room; 0: all counts are exact.
        public var error = 0.0
        /// Keys that are known and not shown.
        public var leftOut = 0

        /// Nothing.
        public init() {}
    }
}
