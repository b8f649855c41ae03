// The agent's own keys. Their defaults are AgentConfiguration's initial values.

private let kibibyte = 1 << 10
private let mebibyte = 1 << 20
private let gibibyte = 1 << 30
private let tebibyte = 1 << 40
private let microsecond: UInt64 = 1000
private let millisecond: UInt64 = 1_000_000
private let second: UInt64 = 1_000_000_000
private let minute: UInt64 = 60 * second
private let hour: UInt64 = 60 * minute
private let day: UInt64 = 24 * hour

extension ConfigurationSchema {
    static let agentSections: [String: String] = [
        "archive": "Where and how events are kept.",
        "archive.segment": "A segment is closed, and the next one begun, at whichever of these comes first.",
        "archive.compact":
            "Old segments of an hour become one in the background, sorted and compressed harder; see docs/archive-format.md.",
        "archive.retention": "The oldest segments are removed while any of these is exceeded.",
        "batch": "A batch of events is handed to the encoders at whichever of these comes first.",
        "rings": "The kernel's ring buffers: two for each CPU, each a power of two.",
        "reader": "The thread that drains the rings.",
        "queue": "What may wait between the rings and the archive's file.",
        "aggregation":
            "Events that are alike are merged into a summary, as `<kind>: always`, `overload` or `off`. Kinds: `tapio schema`.",
        "ledger": "The account of every event that was seen and not kept.",
        "enrichment":
            "What is found out about whose events are (containers, pods, units) and about the other end (names).",
        "kubernetes": "The cluster's API: names of pods and services, and what it says of this node.",
        "control": "How `tapio status`, `tapio reload` and others reach the running agent.",
        "http": "What monitoring and orchestrators ask: /metrics, /healthz, /readyz, /status.",
        "log": "What the agent says about itself.",
        "overload": "What happens where more events come than the agent can carry.",
        "sampling_mode":
            "Who draws the lot where a kind is not kept whole, as `<kind>: process`: each event, or each process once.",
        "sampling": "Keep probability by kind of event, as `<kind>: 0.25`. Kinds: `tapio schema`.",
        "collectors": "What is watched. Each can be switched off.",
    ].merging(exportSections) { $1 }

    static let agentKeys: [ConfigurationKey] =
        [
            .text(
                "node",
                \.node,
                maxBytes: 253,
                or: ConfigurationKey.auto,
                .restart,
                "The name that this node's events carry; auto is the host's name."
            )
        ] + archiveKeys + compactKeys + pipelineKeys + exportKeys + surfaceKeys

    private static let archiveKeys: [ConfigurationKey] = [
        .path("archive.path", \.archive.path, maxBytes: 3072, .restart, "The archive's directory."),
        .choice(
            "archive.sync",
            \.archive.sync,
            .live,
            "When rows are forced to disk: after each batch, at most once a second, or with each segment."
        ),
        .integer(
            "archive.compression_level",
            \.archive.compressionLevel,
            1...19,
            unit: "zstd levels",
            .live,
            "Level of zstd: higher ones make smaller files and cost the encoders more CPU."
        ),
        .size(
            "archive.segment.max_bytes",
            \.archive.segment.maxBytes,
            .size(mebibyte...(64 * gibibyte)),
            .live,
            "Bytes of a segment's file."
        ),
        .duration(
            "archive.segment.max_age",
            \.archive.segment.maxAgeNs,
            second...day,
            .live,
            "Time since a segment's first row."
        ),
        .integer(
            "archive.segment.max_groups",
            \.archive.segment.maxGroups,
            1...4096,
            unit: "row groups",
            .live,
            "Row groups in a segment."
        ),
        .size(
            "archive.retention.max_bytes",
            \.archive.retention.maxBytes,
            (16 * mebibyte)...(1024 * tebibyte),
            or: ConfigurationKey.off,
            .live,
            "Bytes of all segments together."
        ),
        .duration(
            "archive.retention.max_age",
            \.archive.retention.maxAgeNs,
            minute...(3650 * day),
            or: ConfigurationKey.off,
            .live,
            "Time since a segment's last row."
        ),
        .integer(
            "archive.retention.min_free_percent",
            \.archive.retention.minFreePercent,
            0...90,
            unit: "percent of the file system",
            .live,
            "Space that stays free for others; 0 is no such limit."
        ),
    ]

    private static let pipelineKeys: [ConfigurationKey] = [
        .integer("batch.max_rows", \.batch.maxRows, 1024...131_072, unit: "rows", .restart, "Rows of a batch."),
        .size(
            "batch.max_bytes",
            \.batch.maxBytes,
            .size((64 * kibibyte)...(256 * mebibyte)),
            .restart,
            "Bytes of a batch's records."
        ),
        .duration(
            "batch.max_age",
            \.batch.maxAgeNs,
            (500 * millisecond)...minute,
            .live,
            "Time since a batch's first row: what a crash of the agent may cost."
        ),
        .size(
            "rings.urgent_bytes",
            \.rings.urgentBytes,
            .powerOfTwoSize((4 * kibibyte)...gibibyte),
            .restart,
            "Bytes for each CPU of the ring for critical and high priority."
        ),
        .size(
            "rings.bulk_bytes",
            \.rings.bulkBytes,
            .powerOfTwoSize((4 * kibibyte)...gibibyte),
            .restart,
            "Bytes for each CPU of the ring for normal and low priority."
        ),
        .integer(
            "reader.cpu",
            \.reader.cpu,
            0...8191,
            or: ConfigurationKey.auto,
            unit: "CPUs counted from 0",
            .restart,
            "The CPU that the reader is pinned to."
        ),
        .duration(
            "reader.drain_interval",
            \.reader.drainIntervalNs,
            (100 * microsecond)...(100 * millisecond),
            .live,
            "Time between two drains under load: shorter costs CPU, longer needs larger rings."
        ),
        .duration(
            "reader.idle_interval",
            \.reader.idleIntervalNs,
            millisecond...(10 * second),
            .live,
            "Time between two drains while nothing happens; not below reader.drain_interval."
        ),
        .readers(
            "readers",
            \.readers,
            .restart,
            "Threads that drain the rings: auto is one for each NUMA node; never more than there are CPUs."
        ),
        .integer(
            "encoders",
            \.encoders,
            1...64,
            or: ConfigurationKey.auto,
            unit: "threads",
            .restart,
            "Threads that sort, encode and compress batches."
        ),
        .size(
            "queue.max_bytes",
            \.queue.maxBytes,
            .size((4 * mebibyte)...(64 * gibibyte)),
            .restart,
            "Bytes of records between the rings and the encoders; beyond it bulk batches are shed and counted."
        ),
        .size(
            "queue.max_encoded_bytes",
            \.queue.maxEncodedBytes,
            .size(mebibyte...(16 * gibibyte)),
            .restart,
            "Compressed bytes between the encoders and the archive's file."
        ),
        .size(
            "queue.retry_bytes",
            \.queue.retryBytes,
            .size(0...gibibyte),
            .restart,
            "Bytes of urgent batches that are kept while the archive cannot be written; critical ones are lost last."
        ),
        .choice(
            "overload.mode",
            \.overload.mode,
            .live,
            "Whether less is kept under pressure, low priorities first; off loses what finds no room, and counts it."
        ),
        .fraction(
            "overload.high",
            \.overload.high,
            0.05...0.95,
            .live,
            "Fill of a ring or queue above which less is kept."
        ),
        .fraction(
            "overload.low",
            \.overload.low,
            0.01...0.9,
            .live,
            "Fill of all below which more is kept again; less than overload.high."
        ),
        .duration(
            "aggregation.window",
            \.aggregation.windowNs,
            second...minute,
            .live,
            "Time from the first event of a group, which is a row of its own, to the summary of the others."
        ),
        .integer(
            "aggregation.max_aggregates",
            \.aggregation.maxAggregates,
            1...65_536,
            unit: "groups",
            .live,
            "Groups at a time in each lane of a reader; a further one ends another's window early."
        ),
        .duration(
            "ledger.interval",
            \.ledger.intervalNs,
            second...hour,
            .live,
            "Time between two sets of ledger rows."
        ),
    ]

    private static let surfaceKeys: [ConfigurationKey] = [
        .integer(
            "enrichment.max_entries",
            \.enrichment.maxEntries,
            100...1_000_000,
            unit: "cgroups",
            .restart,
            "Cgroups whose container, pod or unit is remembered at a time."
        ),
        .duration(
            "enrichment.ttl",
            \.enrichment.ttlNs,
            second...day,
            .restart,
            "How long that is remembered before it is found out again."
        ),
        .integer(
            "enrichment.max_names",
            \.enrichment.maxNames,
            100...1_000_000,
            unit: "addresses",
            .restart,
            "Addresses whose DNS name is remembered at a time, each for every network namespace that asked."
        ),
        .duration(
            "enrichment.min_name_ttl",
            \.enrichment.minNameTTLNs,
            second...hour,
            .restart,
            "A DNS name counts at least that long, since programs connect some time after an answer that is valid for a moment."
        ),
        .choice(
            "kubernetes.mode",
            \.kubernetes.mode,
            .restart,
            "Whether the cluster's API is asked: auto where the agent is a pod, or a server is given."
        ),
        .text(
            "kubernetes.url",
            \.kubernetes.url,
            maxBytes: 2048,
            or: ConfigurationKey.auto,
            .restart,
            "URL of the API server; auto is that of the cluster in which the agent is a pod."
        ),
        .text(
            "kubernetes.kubeconfig",
            \.kubernetes.kubeconfig,
            maxBytes: 3072,
            or: ConfigurationKey.off,
            .restart,
            "A kubeconfig file whose current context says whom to ask and as whom, instead of the keys here; read at the start."
        ),
        .text(
            "kubernetes.ca_file",
            \.kubernetes.caFile,
            maxBytes: 3072,
            or: ConfigurationKey.auto,
            .restart,
            "PEM file of the authorities that sign its certificate; auto is the pod's own, or the system's."
        ),
        .text(
            "kubernetes.token_file",
            \.kubernetes.tokenFile,
            maxBytes: 3072,
            or: ConfigurationKey.auto,
            .restart,
            "File with the bearer token, read again when it changes; auto is the pod's own, or none."
        ),
        .path(
            "control.socket",
            \.control.socket,
            maxBytes: 107,
            .restart,
            "The Unix socket of the running agent."
        ),
        .text(
            "http.listen",
            \.http.listen,
            maxBytes: 256,
            or: ConfigurationKey.off,
            .live,
            "Where it listens: address:port, [IPv6]:port or unix:/path. It is open to whoever can connect."
        ),
        .choice("log.level", \.log.level, .live, "The least severe message that is written."),
        .choice("log.format", \.log.format, .live, "Lines for people, or JSON for machines."),
    ]
}
