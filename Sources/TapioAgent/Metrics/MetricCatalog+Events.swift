import TapioEvents
import TapioPipeline

extension MetricCatalog {
    private static let kindLabels: [Metric.Label] = [
        .init("collector", "the collector that emits the kind"),
        .init("kind", "the kind of event; `tapio schema` lists them"),
        .init("priority", "critical, high, normal or low"),
    ]

    /// A count of the ledger, for each kind.
    private static func ledger(
        _ name: String,
        _ help: String,
        _ count: @escaping @Sendable (MetricsSnapshot.Kind) -> UInt64
    ) -> Metric {
        Metric(name, .counter, unit: .events, help, kindLabels) { snapshot in
            snapshot.kinds.map { Metric.Sample([$0.collector, $0.name, $0.priority], .count(count($0))) }
        }
    }

    static let events: [Metric] = [
        ledger("tapio_seen_events", "Events that a probe in the kernel decided about.") { $0.counts.attempted },
        ledger("tapio_processed_events", "Events that were read from the rings, checked and passed on.") {
            $0.counts.received
        },
        ledger("tapio_archived_events", "Events that are rows of the archive.") { $0.counts.archived },
        ledger("tapio_filtered_events", "Events that a filter in the kernel turned away, as configured.") {
            $0.counts.filtered
        },
        ledger("tapio_sampled_out_events", "Events that sampling did not keep; the kept ones' weight stands for them.")
        {
            $0.counts.sampledOut &- $0.counts.countedOnly
        },
        ledger("tapio_counted_only_events", "Events of kinds of which none was kept under pressure: only their number.")
        {
            $0.counts.countedOnly
        },
        ledger("tapio_aggregated_events", "Events that were merged into a summary row.") { $0.counts.aggregated },
        Metric(
            "tapio_dropped_events",
            .counter,
            unit: .events,
            "Events that were lost.",
            [.init("stage", "where: kernel, reader or archive")] + kindLabels + [
                .init("reason", "why: ring_full, malformed, shed (under pressure), failed (could not be written)")
            ]
        ) { snapshot in
            snapshot.kinds.flatMap { kind in
                [
                    ("kernel", "ring_full", kind.counts.ringFull), ("reader", "malformed", kind.counts.malformed),
                    ("reader", "shed", kind.counts.shed), ("archive", "failed", kind.counts.failed),
                ]
                .map { stage, reason, count in
                    Metric.Sample([stage, kind.collector, kind.name, kind.priority, reason], .count(count))
                }
            }
        },
        Metric(
            "tapio_malformed_records",
            .counter,
            unit: .records,
            "Records that the reader's checks refused.",
            [.init("reason", "what was wrong with the record")]
        ) { snapshot in snapshot.malformed.map { Metric.Sample([$0.reason], .count($0.count)) } },
        Metric(
            "tapio_in_flight_events",
            .gauge,
            unit: .events,
            "Events in programs, rings and batches: seen and not accounted for yet."
        ) { snapshot in .number(snapshot.kinds.reduce(0) { $0 + Double($1.counts.inFlight) }) },
        Metric(
            "tapio_keep_ratio",
            .gauge,
            unit: .ratio,
            "The probability with which an event of the kind is kept now.",
            [.init("kind", "the kind of event")]
        ) { snapshot in snapshot.status.overflow.kinds.map { Metric.Sample([$0.kind], .number($0.keep)) } },
    ]

    /// Upper bounds of the latency's buckets, nanoseconds.
    private static let latencyBounds: [UInt64] = [
        50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
        30_000_000_000,
    ]

    static func buckets(_ snapshot: LatencyHistogram.Snapshot) -> Metric.Value {
        .buckets(
            Metric.Buckets(
                bounds: latencyBounds.map { Double($0) / 1e9 },
                counts: snapshot.cumulative(latencyBounds),
                count: snapshot.count,
                sum: snapshot.approximateSum / 1e9
            )
        )
    }

    static let latency: [Metric] = [
        Metric(
            "tapio_processing_latency_seconds",
            .histogram,
            unit: .seconds,
            "From an event's time in the kernel until it was read and checked: first and last record of each drain, at most 6.25 % too long. The sum is at most 3.2 % off."
        ) { buckets($0.latency) },
        Metric(
            "tapio_durable_latency_seconds",
            .histogram,
            unit: .seconds,
            "From an event's time in the kernel until its row was durable on disk: earliest and latest of each row group."
        ) { buckets($0.durable) },
    ]
}
