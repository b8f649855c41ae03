import TapioEvents
import TapioHTTP
import TapioPipeline

/// Everything that metrics are made of, read at one time.
struct MetricsSnapshot: Sendable {
    /// A kind of event, whether it ever happened or not: a rate needs the zero before the first.
    struct Kind: Sendable {
        var name: String
        var collector: String
        var priority: String
        var counts = LedgerEntry()
    }

    /// The fill of a lane's rings.
    struct Ring: Sendable {
        var lane: String
        /// Bytes that each CPU's can hold.
        var capacity: Int
        /// Of the fullest, 0…1.
        var fill: Double
        /// Passes of the readers that could take nothing because the queue behind was full.
        var blockedPasses: UInt64
    }

    var status = StatusReport()
    /// In the order of the registry.
    var kinds: [Kind] = []
    /// Refused records by the reason's name; every reason is there.
    var malformed: [(reason: String, count: UInt64)] = []
    var rings: [Ring] = []
    /// Looks of all readers at their rings.
    var readerPasses: UInt64 = 0
    /// CPU time of the readers' threads, nanoseconds.
    var readerNs: UInt64 = 0
    /// From the kernel's timestamp until a record was read.
    var latency = LatencyHistogram().snapshot
    /// From the kernel's timestamp until a row was durable on disk.
    var durable = LatencyHistogram().snapshot
    /// Whether the kernel measures BPF programs (kernel.bpf_stats_enabled).
    var isBPFMeasured = false
    var http = HTTPServerStatistics.Snapshot()
}
