public import TapioRings

/// Everything that an operator can decide about the agent: one value, checked as a whole before anything starts.
///
/// `AgentConfiguration()` holds the defaults, and nothing else does: ``ConfigurationSchema`` reads each key's default from
/// here, adds its range and meaning, and makes parser, documentation and `config default` from that. Sizes are in bytes and
/// times in nanoseconds, whatever unit the operator wrote.
public struct AgentConfiguration: Sendable, Hashable {
    /// The name that this node's rows carry; `nil` for the host's own name.
    public var node: String?
    /// Where and how the archive is written.
    public var archive = Archive()
    /// When a batch of events is handed to the encoders.
    public var batch = Batch()
    /// The kernel's ring buffers.
    public var rings = Rings()
    /// The thread that drains the rings.
    public var reader = Reader()
    /// How many threads drain the rings.
    public var readers = ReaderPolicy.auto
    /// Encoder threads, 1…64; `nil` chooses by the number of CPUs.
    public var encoders: Int?
    /// What may wait between the rings and the archive's file.
    public var queue = Queue()
    /// How events that are alike are merged.
    public var aggregation = Aggregation()
    /// What is found out about who an event happened to.
    public var enrichment = Enrichment()
    /// How names of pods and services are found out.
    public var kubernetes = Kubernetes()
    /// How often losses are written down.
    public var ledger = Ledger()
    /// Where sealed segments are sent beside the archive.
    public var export = Export()
    /// How commands reach the running agent.
    public var control = Control()
    /// What monitoring and orchestrators ask.
    public var http = HTTP()
    /// What the agent says about itself.
    public var log = Log()
    /// What happens where more events come than the agent can carry.
    public var overload = Overload()
    /// Keep probability by kind of event, 0 < p ≤ 1; a kind that is absent is kept whole.
    public var sampling: [String: Double] = [:]
    /// Who draws the lot where a kind is not kept whole; each event for a kind that is absent.
    public var samplingModes: [String: SamplingMode] = [:]
    /// One entry for each collector that the agent was built with, by name.
    public var collectors: [String: CollectorConfiguration] = [:]

    /// The defaults, without any collector: ``ConfigurationSchema/defaults`` has them too.
    public init() {}
}

extension AgentConfiguration {
    /// Where and how the archive is written.
    public struct Archive: Sendable, Hashable {
        /// The archive's directory, an absolute path.
        public var path = "/var/lib/tapio"
        /// When a segment is closed and the next one begun.
        public var segment = Segment()
        /// When old segments are removed.
        public var retention = Retention()
        /// How old segments become fewer and smaller ones.
        public var compact = Compact()
        /// When written rows are forced to disk.
        public var sync = SyncPolicy.interval
        /// Level of zstd, 1…19.
        public var compressionLevel = 1

        /// The defaults.
        public init() {}
    }

    /// A segment is closed at whichever of these comes first.
    public struct Segment: Sendable, Hashable {
        /// Bytes of a segment's file.
        public var maxBytes = 256 << 20
        /// Nanoseconds from a segment's first row.
        public var maxAgeNs: UInt64 = 300_000_000_000
        /// Row groups in a segment.
        public var maxGroups = 64

        /// The defaults.
        public init() {}
    }

    /// The oldest segments are removed while any of these is exceeded.
    public struct Retention: Sendable, Hashable {
        /// Bytes of all segments together; `nil` for no such limit.
        public var maxBytes: Int? = 8 << 30
        /// Nanoseconds since a segment's last row; `nil` for no such limit.
        public var maxAgeNs: UInt64?
        /// Percent of the file system that stays free; 0 for no such limit.
        public var minFreePercent = 5

        /// The defaults.
        public init() {}
    }

    /// When written rows are forced to disk. Each keeps what is written through the agent's own death; they differ in what
    /// a crash of the whole node may cost.
    public enum SyncPolicy: String, Sendable, Hashable, CaseIterable {
        /// After each batch: a node's crash costs the batch being filled; most writes to disk.
        case batch
        /// At most once a second, off the hot path: a node's crash costs about a second.
        case interval
        /// When a segment is closed: a node's crash may cost the open segment; fewest writes to disk.
        case segment
    }

    /// A batch is handed over at whichever of these comes first.
    public struct Batch: Sendable, Hashable {
        /// Rows, 1024…131072.
        public var maxRows = 131_072
        /// Bytes of records.
        public var maxBytes = 8 << 20
        /// Nanoseconds from a batch's first row.
        public var maxAgeNs: UInt64 = 5_000_000_000

        /// The defaults.
        public init() {}
    }

    /// Sizes of the kernel's ring buffers, for each CPU; powers of two.
    public struct Rings: Sendable, Hashable {
        /// Bytes of the ring for critical and high priority.
        public var urgentBytes = 1 << 20
        /// Bytes of the ring for normal and low priority.
        public var bulkBytes = 4 << 20

        /// The defaults.
        public init() {}
    }

    /// The thread that drains the rings.
    public struct Reader: Sendable, Hashable {
        /// The CPU that it is pinned to; `nil` lets the agent choose.
        public var cpu: Int?
        /// Nanoseconds between two drains under load.
        public var drainIntervalNs: UInt64 = 1_000_000
        /// Nanoseconds between two drains while nothing happens.
        public var idleIntervalNs: UInt64 = 100_000_000

        /// The defaults.
        public init() {}
    }

    /// What may wait between the rings and the archive's file.
    public struct Queue: Sendable, Hashable {
        /// Bytes of records between the rings and the encoders; beyond it, batches of low priority are shed and counted.
        public var maxBytes = 32 << 20
        /// Compressed bytes between the encoders and the archive's file; beyond it, encoders wait.
        public var maxEncodedBytes = 8 << 20
        /// Compressed bytes of batches that wait while the archive cannot be written; beyond it they are given up, critical
        /// ones last.
        public var retryBytes = 8 << 20

        /// The defaults.
        public init() {}
    }

    /// How events that are alike are merged into summaries.
    public struct Aggregation: Sendable, Hashable {
        /// Nanoseconds from a window's first event to its summaries.
        public var windowNs: UInt64 = 5_000_000_000
        /// Groups at a time in each lane of a reader, 1…65,536.
        public var maxAggregates = 5000
        /// By kind of event; a kind that is absent is merged under overload.
        public var kinds: [String: AggregationPolicy] = [:]

        /// The defaults.
        public init() {}
    }

    /// What happens where more events come than the agent can carry.
    public struct Overload: Sendable, Hashable {
        /// Whether less is kept then.
        public var mode = OverloadMode.auto
        /// Fill of a ring or queue above which less is kept, 0…1.
        public var high = 0.5
        /// Fill below which more is kept again, less than ``high``.
        public var low = 0.2

        /// The defaults.
        public init() {}
    }

    /// When events of a kind are merged.
    public enum AggregationPolicy: String, Sendable, Hashable, CaseIterable {
        /// At all times: fewest rows, and of most events only their summary.
        case always
        /// While the agent is under pressure.
        case overload
        /// Never: under pressure they are sampled more, and then lost.
        case off
    }

    /// Whether less is kept under pressure.
    public enum OverloadMode: String, Sendable, Hashable, CaseIterable {
        /// Low priorities are sampled first, by as much as is needed, and counted all the same.
        case auto
        /// Only the configured probabilities hold: what is too much is lost where it finds no room, and counted.
        case off
    }

    /// Who draws the lot for a kind that is not kept whole.
    public enum SamplingMode: String, Sendable, Hashable, CaseIterable {
        /// Each event on its own: the most precise sums.
        case independent
        /// Each process once: a kept process is kept whole; sums vary more.
        case process
    }

    /// How often losses are written down.
    public struct Ledger: Sendable, Hashable {
        /// Nanoseconds between two sets of ledger rows.
        public var intervalNs: UInt64 = 10_000_000_000

        /// The defaults.
        public init() {}
    }

    /// What is found out about who an event happened to.
    public struct Enrichment: Sendable, Hashable {
        /// Cgroups that are remembered at a time.
        public var maxEntries = 10_000
        /// Nanoseconds until what is remembered of a cgroup is found out again.
        public var ttlNs: UInt64 = 3_600_000_000_000
        /// Addresses whose DNS name is remembered at a time.
        public var maxNames = 10_000
        /// Nanoseconds that a DNS name counts at least, whatever the answer says.
        public var minNameTTLNs: UInt64 = 10_000_000_000

        /// The defaults.
        public init() {}
    }

    /// Whether the API of a cluster is asked.
    public enum KubernetesMode: String, Sendable, Hashable, CaseIterable {
        /// Where the agent runs as a pod, or a URL is given.
        case auto
        /// Never.
        case off
    }

    /// How names of pods and services are found out.
    public struct Kubernetes: Sendable, Hashable {
        /// Whether they are.
        public var mode = KubernetesMode.auto
        /// The API server's URL; nil: that of the cluster in which the agent is a pod.
        public var url: String?
        /// A kubeconfig file that says whom to ask, and as whom; nil: none.
        public var kubeconfig: String?
        /// PEM file of the authorities that sign its certificate; nil: the system's, or the pod's own.
        public var caFile: String?
        /// File with a bearer token; nil: the pod's own, or none.
        public var tokenFile: String?

        /// The defaults.
        public init() {}
    }

    /// How commands reach the running agent.
    public struct Control: Sendable, Hashable {
        /// The Unix socket's path, at most 107 bytes (`sun_path` of unix(7)).
        public var socket = "/run/tapio/tapio.sock"

        /// The defaults.
        public init() {}
    }

    /// What monitoring and orchestrators ask.
    public struct HTTP: Sendable, Hashable {
        /// An `HTTPAddress` as text; nil: nowhere. Port 9464 is that of OpenTelemetry's exporters, which other programs of a
        /// node may have.
        public var listen: String? = "127.0.0.1:19464"

        /// The defaults.
        public init() {}
    }

    /// What the agent says about itself.
    public struct Log: Sendable, Hashable {
        /// The least severe message that is written.
        public var level = LogLevel.info
        /// The form of a message.
        public var format = LogFormat.text

        /// The defaults.
        public init() {}
    }

    /// Severities by the names that swift-log gives them.
    public enum LogLevel: String, Sendable, Hashable, CaseIterable {
        /// Each step, for developers.
        case trace
        /// Each decision.
        case debug
        /// What an operator may want to know.
        case info
        /// What is unusual and needs no action.
        case notice
        /// What may need action.
        case warning
        /// What failed.
        case error
        /// What stops the agent.
        case critical
    }

    /// The form of a log message.
    public enum LogFormat: String, Sendable, Hashable, CaseIterable {
        /// A line for people.
        case text
        /// A line of JSON for machines.
        case json
    }

    /// A collector's switch and the options that it declared.
    public struct CollectorConfiguration: Sendable, Hashable {
        /// Whether it is started.
        public var enabled: Bool
        /// Its options by name, each present and within its declared range.
        public var options: [String: ConfigurationValue]

        /// A collector's configuration as given, unchecked.
        public init(enabled: Bool = true, options: [String: ConfigurationValue] = [:]) {
            self.enabled = enabled
            self.options = options
        }

        /// The whole number, bytes or nanoseconds of an option, 1 or 0 for a flag; `nil` where there is no such option or it
        /// is of another type.
        public func integer(_ name: String) -> Int? {
            switch options[name] {
            case .integer(let value): value
            case .bytes(let value): value
            case .duration(let ns): Int(clamping: ns)
            case .flag(let isOn): isOn ? 1 : 0
            default: nil
            }
        }

        /// The texts of an option that is a list; `nil` where there is no such option or it is of another type.
        public func list(_ name: String) -> [String]? {
            guard case .list(let values) = options[name] else { return nil }
            return values
        }

        /// An option that is on or off; `nil` where there is no such option or it is of another type.
        public func flag(_ name: String) -> Bool? {
            guard case .flag(let value) = options[name] else { return nil }
            return value
        }
    }
}
