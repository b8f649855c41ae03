extension MetricCatalog {
    private static let side = Metric.Label("side", "before: what was replaced, after: what took its place")

    static let compaction: [Metric] = [
        Metric("tapio_compaction_runs", .counter, unit: .runs, "Old segments of an hour that became one.") {
            .count($0.status.archive.compaction.runs)
        },
        Metric("tapio_compaction_segments", .counter, unit: .segments, "Segments of these merges.", [side]) {
            [
                Metric.Sample(["before"], .count($0.status.archive.compaction.segmentsBefore)),
                Metric.Sample(["after"], .count($0.status.archive.compaction.segmentsAfter)),
            ]
        },
        Metric("tapio_compaction_bytes", .counter, unit: .bytes, "Bytes of these segments.", [side]) {
            [
                Metric.Sample(["before"], .count($0.status.archive.compaction.bytesBefore)),
                Metric.Sample(["after"], .count($0.status.archive.compaction.bytesAfter)),
            ]
        },
        Metric("tapio_compaction_errors", .counter, unit: .errors, "Merges that failed; the segments stay as they are.")
        {
            .count($0.status.archive.compaction.failures)
        },
        Metric("tapio_compaction_cpu_seconds", .counter, unit: .seconds, "CPU time of the thread that compacts.") {
            .number(Double($0.status.archive.compaction.cpuNs) / 1e9)
        },
    ]
}
