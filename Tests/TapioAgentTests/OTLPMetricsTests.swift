import TapioExport
import Testing

@testable import TapioAgent

@Suite("Metrics: for OTLP")
struct OTLPMetricsTests {
    private let identity = OTLPIdentity(node: "n", runID: "r", bootID: "b", version: "1", isKubernetes: false)

    @Test("it has every metric and value that /metrics has, under the same name and labels")
    func same() {
        var snapshot = MetricsCatalogTests.snapshot
        snapshot.status.startedAt = 5
        snapshot.status.takenAt = 7
        let otlp = snapshot.otlp(identity)
        #expect(otlp.startNs == 5000 && otlp.timeNs == 7000)
        #expect(otlp.metrics.count == MetricCatalog.all.count)
        for (metric, sent) in zip(MetricCatalog.all, otlp.metrics) {
            let samples = metric.samples(snapshot)
            // Prometheus puts `_total` behind a sum; what is written as text has it.
            #expect(sent.kind == .counter ? sent.name + "_total" == metric.sampleName : sent.name == metric.sampleName)
            #expect(sent.points.map { $0.labels.map(\.value) } == samples.map(\.labels), "\(metric.name)")
            for point in sent.points { #expect(point.labels.map(\.name) == metric.labels.map(\.name)) }
            for (point, sample) in zip(sent.points, samples) {
                switch (point.value, sample.value) {
                case (.count(let sent), .count(let told)): #expect(sent == told)
                case (.number(let sent), .number(let told)): #expect(sent == told)
                case (.buckets(let sent), .buckets(let told)):
                    #expect(sent.bounds == told.bounds && sent.cumulative == told.counts && sent.count == told.count)
                default: Issue.record("\(metric.name): \(point.value) is not \(sample.value)")
                }
            }
        }
    }

    @Test("units are those of UCUM")
    func units() {
        let units = snapshotUnits
        #expect(units["tapio_resident_memory_bytes"] == "By" && units["tapio_cpu_seconds"] == "s")
        #expect(units["tapio_keep_ratio"] == "1" && units["tapio_seen_events"] == "{events}")
        #expect(units["tapio_collector_state"] == "")
    }

    private var snapshotUnits: [String: String] {
        let metrics = MetricsCatalogTests.snapshot.otlp(identity).metrics
        return Dictionary(metrics.map { ($0.name, $0.unit) }, uniquingKeysWith: { first, _ in first })
    }
}
