extension MetricCatalog {
    private static let lane = Metric.Label("lane", "urgent (critical and high) or bulk (normal and low)")
    private static let queue = Metric.Label(
        "queue",
        "batches (read, not encoded), encoders (their memory), encoded (not written), retry (kept while the archive cannot be written)"
    )

    static let pipeline: [Metric] = [
        Metric("tapio_ring_fill_ratio", .gauge, unit: .ratio, "Fill of the fullest ring of the lane, 0 to 1.", [lane]) {
            $0.rings.map { Metric.Sample([$0.lane], .number($0.fill)) }
        },
        Metric("tapio_ring_capacity_bytes", .gauge, unit: .bytes, "Bytes of the lane's ring of each CPU.", [lane]) {
            $0.rings.map { Metric.Sample([$0.lane], .size($0.capacity)) }
        },
        Metric(
            "tapio_blocked_passes",
            .counter,
            unit: .passes,
            "Looks of the readers at the rings that could take nothing because the queue behind was full: a stall.",
            [lane]
        ) { $0.rings.map { Metric.Sample([$0.lane], .count($0.blockedPasses)) } },
        Metric(
            "tapio_reader_passes",
            .counter,
            unit: .passes,
            "Looks of the readers at the rings. They never cease: where this stands still, so do the readers."
        ) { .count($0.readerPasses) },
        Metric("tapio_queue_bytes", .gauge, unit: .bytes, "Bytes that are held.", [queue]) {
            queues($0).map { Metric.Sample([$0.name], .size($0.bytes)) }
        },
        Metric("tapio_queue_capacity_bytes", .gauge, unit: .bytes, "The most bytes that may be held.", [queue]) {
            queues($0).map { Metric.Sample([$0.name], .size($0.capacity)) }
        },
        Metric("tapio_queued_batches", .gauge, unit: .batches, "Batches that wait for an encoder.") {
            .size($0.status.pipeline.batchesQueued)
        },
        Metric(
            "tapio_pressure_ratio",
            .gauge,
            unit: .ratio,
            "How near the stage was to its bound in the last twentieth of a second, 0 to 1.",
            [.init("stage", "urgent_ring, bulk_ring, batches or export")]
        ) {
            let pressure = $0.status.overflow.pressure
            return [
                Metric.Sample(["urgent_ring"], .number(pressure.urgentRing)),
                Metric.Sample(["bulk_ring"], .number(pressure.bulkRing)),
                Metric.Sample(["batches"], .number(pressure.batches)),
                Metric.Sample(["export"], .number(pressure.export)),
            ]
        },
        Metric(
            "tapio_live_view_skipped_events",
            .counter,
            unit: .events,
            "Events that a live view was too slow for. The archive has them."
        ) { .count($0.status.pipeline.liveViewSkipped) },
    ]

    private static func queues(_ snapshot: MetricsSnapshot) -> [(name: String, bytes: Int, capacity: Int)] {
        let pipeline = snapshot.status.pipeline
        let archive = snapshot.status.archive
        return [
            ("batches", pipeline.batchBytes, pipeline.batchBytesLimit),
            ("encoders", pipeline.encoderBytes, pipeline.encoderBytesLimit),
            ("encoded", pipeline.encodedBytes, pipeline.encodedBytesLimit),
            ("retry", archive.keptBytes, archive.keptBytesLimit),
        ]
    }

    private static let exporter = Metric.Label("exporter", "archive, or the name of a place to which segments are sent")

    /// A figure of the archive and of each place beside it.
    private static func exported(
        _ name: String,
        _ kind: Metric.Kind,
        _ unit: Metric.Unit,
        _ help: String,
        archive: @escaping @Sendable (StatusReport) -> Metric.Value,
        place: @escaping @Sendable (StatusReport.Exporter, StatusReport) -> Metric.Value
    ) -> Metric {
        Metric(name, kind, unit: unit, help, [exporter]) { snapshot in
            let status = snapshot.status
            return [Metric.Sample(["archive"], archive(status))]
                + status.exporters.map { Metric.Sample([$0.name], place($0, status)) }
        }
    }

    /// A figure of the places beside the archive.
    private static func sent(
        _ name: String,
        _ kind: Metric.Kind,
        _ unit: Metric.Unit? = nil,
        _ help: String,
        _ value: @escaping @Sendable (StatusReport.Exporter) -> Metric.Value
    ) -> Metric {
        Metric(name, kind, unit: unit, help, [exporter]) { snapshot in
            snapshot.status.exporters.map { Metric.Sample([$0.name], value($0)) }
        }
    }

    static let export: [Metric] = [
        exported("tapio_export_bytes", .counter, .bytes, "Compressed bytes that were written or sent.") {
            .count($0.archive.bytesWritten)
        } place: { exporter, _ in
            .count(exporter.sentBytes)
        },
        exported("tapio_export_rows", .counter, .rows, "Rows that were written or sent, the ledger's included.") {
            .count($0.archive.rowsWritten)
        } place: { exporter, _ in
            .count(exporter.sentRows)
        },
        exported(
            "tapio_export_errors",
            .counter,
            .errors,
            "Writes or requests that failed or were refused; each further try counts."
        ) {
            .count($0.archive.writeErrors)
        } place: { exporter, _ in
            .count(exporter.errors.values.reduce(0) { $0 &+ $1 })
        },
        exported(
            "tapio_export_age_seconds",
            .gauge,
            .seconds,
            "How long the oldest encoded batch has waited to be written, or how old the oldest event is that waits to be sent; 0: none."
        ) {
            .number(Double($0.overflow.pressure.exportAgeNs) / 1e9)
        } place: { exporter, status in
            .number(exporter.oldestWaitingAt.map { max(0, Double(status.takenAt - $0) / 1e6) } ?? 0)
        },
        Metric("tapio_export_lost_batches", .counter, unit: .batches, "Batches that the archive gave up.") {
            .count($0.status.archive.batchesLost)
        },
        sent("tapio_export_segments", .counter, .segments, "Segments that arrived.") { .count($0.sentSegments) },
        sent("tapio_export_lost_segments", .counter, .segments, "Segments that a place will never get.") {
            .count($0.lostSegments)
        },
        sent("tapio_export_lost_rows", .counter, .rows, "Rows that a place will never get.") { .count($0.lostRows) },
        sent("tapio_export_queue_segments", .gauge, .segments, "Sealed segments that wait to be sent.") {
            .size($0.waitingSegments)
        },
        sent("tapio_export_queue_bytes", .gauge, .bytes, "Bytes of the sealed segments that wait to be sent.") {
            .size($0.waitingBytes)
        },
        sent("tapio_export_failing", .gauge, nil, "1 while the last attempt failed.") { .flag($0.failuresInARow > 0) },
        Metric("tapio_archive_writable", .gauge, "1 while the archive can be written.") {
            .flag($0.status.archive.trouble == nil)
        },
        Metric("tapio_archive_bytes", .gauge, unit: .bytes, "Bytes of the sealed segments on disk.") {
            .size($0.status.archive.bytesOnDisk)
        },
        Metric("tapio_archive_segments", .gauge, unit: .segments, "Sealed segments on disk.") {
            .size($0.status.archive.sealedSegments)
        },
        Metric("tapio_archive_deleted_segments", .counter, unit: .segments, "Segments that retention removed.") {
            .count($0.status.archive.segmentsDeleted)
        },
    ]

    private static let cache = Metric.Label("cache", "cgroups, names (DNS) or services")

    static let caches: [Metric] = [
        Metric(
            "tapio_cache_lookups",
            .counter,
            unit: .lookups,
            "Questions of events to a cache.",
            [cache, .init("result", "hit, miss, expired, contended (the entry was changing)")]
        ) { snapshot in
            snapshot.status.enrichment.caches.flatMap { cache in
                [
                    ("hit", cache.hits), ("miss", cache.misses), ("expired", cache.expired),
                    ("contended", cache.contended),
                ]
                .map { Metric.Sample([cache.name, $0.0], .count($0.1)) }
            }
        },
        Metric(
            "tapio_negative_cache_lookups",
            .counter,
            unit: .lookups,
            "Questions without a hit that were asked of what is known to be unknown.",
            [
                cache,
                .init("result", "hit, expired, filtered (by the Bloom filter alone), false_positive (of that filter)"),
            ]
        ) { snapshot in
            snapshot.status.enrichment.caches.flatMap { cache in
                [
                    ("hit", cache.negativeHits), ("expired", cache.negativeExpired), ("filtered", cache.filtered),
                    ("false_positive", cache.falsePositives),
                ]
                .map { Metric.Sample([cache.name, $0.0], .count($0.1)) }
            }
        },
        Metric(
            "tapio_cache_evictions",
            .counter,
            unit: .evictions,
            "Entries that made room for others before their time.",
            [cache, .init("side", "positive, or negative: known to be unknown")]
        ) { snapshot in
            snapshot.status.enrichment.caches.flatMap {
                [
                    Metric.Sample([$0.name, "positive"], .count($0.evictions)),
                    Metric.Sample([$0.name, "negative"], .count($0.negativeEvictions)),
                ]
            }
        },
        Metric(
            "tapio_cache_capacity_entries",
            .gauge,
            unit: .entries,
            "Entries that there can be; 0: no limit.",
            [cache]
        ) {
            $0.status.enrichment.caches.map { Metric.Sample([$0.name], .size($0.capacity)) }
        },
        Metric(
            "tapio_refused_questions",
            .counter,
            unit: .questions,
            "Questions about a cgroup or an address for which there was no place among those that wait; the next event asks again.",
            [.init("about", "cgroup or address")]
        ) {
            [
                Metric.Sample(["cgroup"], .count($0.status.enrichment.refused)),
                Metric.Sample(["address"], .count($0.status.enrichment.names.questionsRefused)),
            ]
        },
        Metric("tapio_known_processes", .gauge, unit: .processes, "Processes in the table of those that live.") {
            .size($0.status.enrichment.processes.live)
        },
        Metric("tapio_kubernetes_synced", .gauge, "1 where all pods and services of the cluster's API have come.") {
            .flag($0.status.enrichment.isSynced)
        },
    ]
}
