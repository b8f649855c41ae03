import Glibc
import TapioCollectors
import TapioEvents
import TapioExport
import TapioHTTP
import Testing

@testable import TapioAgent

@Suite("Metrics: their declarations")
struct MetricsCatalogTests {
    /// Kinds, collectors, rings and caches as a running agent has them.
    static var snapshot: MetricsSnapshot {
        var snapshot = MetricsSnapshot()
        snapshot.isBPFMeasured = true
        snapshot.kinds = CollectorRegistry.schemas.schemas.map {
            MetricsSnapshot.Kind(name: $0.name, collector: $0.collector, priority: $0.priority.name)
        }
        snapshot.malformed = RecordFault.allCases.map { ($0.name, 0) }
        snapshot.rings = Lane.allCases.map { .init(lane: $0.name, capacity: 1, fill: 0, blockedPasses: 0) }
        snapshot.http.responses = [200: 1]
        snapshot.status.collectors = CollectorRegistry.all.map {
            let program = StatusReport.Program(name: "p", runs: 1, runTimeNs: 2, missed: 3)
            return StatusReport.Collector(name: $0.name, state: "running", since: 0, programs: [program])
        }
        snapshot.status.overflow.kinds = snapshot.kinds.map {
            StatusReport.KindSampling(
                kind: $0.name,
                rung: "full",
                keep: 1,
                configuredKeep: 1,
                mode: "independent",
                epochs: 0,
                since: nil,
                eventsPerSecond: 0
            )
        }
        snapshot.status.exporters = ["s3", "clickhouse"].map { .init(ExporterStatus(name: $0, place: "there")) }
        snapshot.status.enrichment.caches = ["cgroups", "names", "services"].map { StatusReport.Cache(name: $0) }
        return snapshot
    }

    @Test("each is named once, as Prometheus wants it: tapio_<what>_<unit>")
    func names() {
        var names: Set<String> = []
        for metric in MetricCatalog.all {
            #expect(names.insert(metric.name).inserted, "\(metric.name) is declared twice")
            #expect(metric.name.hasPrefix("tapio_"))
            let isPlain = metric.name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (0x61...0x7A).contains($0) }
            #expect(isPlain, "\(metric.name)")
            for ending in ["_total", "_info", "_bucket", "_sum", "_count"] { #expect(!metric.name.hasSuffix(ending)) }
            if let unit = metric.unit { #expect(metric.name.hasSuffix("_" + unit.rawValue), "\(metric.name)") }
            #expect(metric.kind != .counter || metric.unit != nil, "\(metric.name) counts nothing")
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("\n"), "\(metric.name): \(metric.help)")
        }
    }

    @Test("each sample has its labels, and no two have the same")
    func samples() {
        for metric in MetricCatalog.all {
            let samples = metric.samples(Self.snapshot)
            #expect(!samples.isEmpty, "\(metric.name)")
            #expect(Set(samples.map(\.labels)).count == samples.count, "\(metric.name) has a sample twice")
            #expect(samples.allSatisfy { $0.labels.count == metric.labels.count }, "\(metric.name)")
        }
    }

    @Test("the number of series is bounded by kinds and collectors")
    func cardinality() {
        let lines = String(decoding: MetricsText.write(Self.snapshot, .text), as: UTF8.self).split(separator: "\n")
        let series = lines.count { !$0.hasPrefix("#") }
        let kinds = CollectorRegistry.schemas.schemas.count
        let collectors = CollectorRegistry.all.count
        #expect(series <= kinds * 12 + collectors * 12 + 150, "\(series) series")
    }

    @Test("every kind of loss of the ledger is a drop, a filter, a sample or a merge of the metrics")
    func losses() throws {
        var snapshot = Self.snapshot
        var counts = LedgerEntry()
        counts.attempted = 1000
        (counts.filtered, counts.sampledOut, counts.countedOnly, counts.ringFull) = (1, 22, 2, 3)
        (counts.malformed, counts.aggregated, counts.shed, counts.failed, counts.archived) = (4, 5, 6, 7, 800)
        snapshot.kinds = [MetricsSnapshot.Kind(name: "k", collector: "c", priority: "p", counts: counts)]
        func sum(_ names: String...) -> UInt64 {
            MetricCatalog.all.filter { names.contains($0.name) }.flatMap { $0.samples(snapshot) }
                .reduce(0) { if case .count(let count) = $1.value { $0 + count } else { $0 } }
        }
        #expect(sum("tapio_dropped_events") == counts.lost)
        #expect(sum("tapio_sampled_out_events", "tapio_counted_only_events") == counts.sampledOut)
        let settled = sum(
            "tapio_dropped_events",
            "tapio_sampled_out_events",
            "tapio_counted_only_events",
            "tapio_filtered_events",
            "tapio_aggregated_events",
            "tapio_archived_events"
        )
        #expect(Int64(counts.attempted - settled) == counts.inFlight)
    }

    @Test("docs/metrics.md is made from the declarations")
    func document() throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let path = "\(root)/docs/metrics.md"
        let isUpdate = getenv("TAPIO_WRITE_DOCS") != nil
        let file = try #require(fopen(path, isUpdate ? "w" : "r"), "docs/metrics.md is missing")
        defer { fclose(file) }
        if isUpdate {
            fputs(MetricsReference.page, file)
            return
        }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        let isSame = String(decoding: bytes[..<count], as: UTF8.self) == MetricsReference.page
        #expect(
            isSame,
            "docs/metrics.md is not what the declarations make; run the tests with TAPIO_WRITE_DOCS=1"
        )
    }
}
