import Foundation
import Synchronization
import TapioTestSupport
import Testing

@testable import TapioExport

@Suite("Export: OTLP metrics")
struct OTLPMetricsTests {
    private let server: ExportServer

    init() throws {
        server = try .otlp()
    }

    private static let metrics = OTLPMetrics(
        identity: OTLPIdentity(node: "n1", runID: "run", bootID: "", version: "1", isKubernetes: true),
        startNs: 1_000_000_000,
        timeNs: 3_000_000_000,
        metrics: [
            OTLPMetric(
                name: "events",
                help: "Seen.",
                unit: "{events}",
                kind: .counter,
                points: [
                    .init(labels: [.init("kind", "exec"), .init("lane", "ü")], value: .count(.max)),
                    .init(labels: [], value: .number(0.5)),
                ]
            ),
            OTLPMetric(
                name: "fill",
                help: "Full.",
                unit: "",
                kind: .gauge,
                points: [.init(labels: [], value: .number(-1))]
            ),
            OTLPMetric(
                name: "latency",
                help: "Long.",
                unit: "s",
                kind: .histogram,
                points: [
                    .init(
                        labels: [.init("a", "b")],
                        value: .buckets(.init(bounds: [0.1, 1], cumulative: [2, 5], count: 9, sum: 12.5))
                    )
                ]
            ),
            OTLPMetric(name: "none", help: "", unit: "", kind: .gauge, points: []),
        ]
    )

    /// An exporter at work, ended with its object.
    private final class Reporter {
        let exporter: OTLPMetricsExporter
        let news = NewsLog()
        private let task: Task<Void, Never>

        init(_ settings: OTLPSettings) {
            exporter = OTLPMetricsExporter(
                settings,
                interval: .milliseconds(20),
                environment: [:],
                tell: { [news] in news.append($0) },
                read: { OTLPMetricsTests.metrics }
            )
            task = Task { [exporter] in await exporter.run() }
        }

        deinit { task.cancel() }

        func wait(until condition: (ExporterStatus) -> Bool) -> Bool {
            let deadline = Deadline(seconds: 30)
            while !deadline.isOver {
                if condition(exporter.status) { return true }
                usleep(5_000)
            }
            return false
        }
    }

    @Test("a report has every metric: sums from the start on, gauges, and histograms whose counts add up")
    func report() throws {
        let reporter = Reporter(OTLPSettings(endpoint: server.url))
        #expect(reporter.wait { $0.sentRows >= 8 }, "\(reporter.exporter.status)")
        let found = try server.command("counted")
        let data = try JSONSerialization.data(withJSONObject: found["metrics"] ?? [:], options: .sortedKeys)
        let expected = """
            {"resourceMetrics":[{"resource":{"attributes":[\
            {"key":"service.name","value":{"stringValue":"tapio"}},{"key":"service.version","value":{"stringValue":"1"}},\
            {"key":"service.instance.id","value":{"stringValue":"run"}},{"key":"host.name","value":{"stringValue":"n1"}},\
            {"key":"k8s.node.name","value":{"stringValue":"n1"}}]},"scopeMetrics":[{"metrics":[\
            {"description":"Seen.","name":"events","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE",\
            "dataPoints":[{"asInt":"9223372036854775807","attributes":[{"key":"kind","value":{"stringValue":"exec"}},\
            {"key":"lane","value":{"stringValue":"ü"}}],"startTimeUnixNano":"1000000000","timeUnixNano":"3000000000"},\
            {"asDouble":0.5,"startTimeUnixNano":"1000000000","timeUnixNano":"3000000000"}],"isMonotonic":true},\
            "unit":"{events}"},{"description":"Full.","gauge":{"dataPoints":[{"asDouble":-1,"timeUnixNano":"3000000000"}]},\
            "name":"fill"},{"description":"Long.","histogram":{"aggregationTemporality":\
            "AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[{"attributes":[{"key":"a","value":{"stringValue":"b"}}],\
            "bucketCounts":["2","3","4"],"count":"9","explicitBounds":[0.1,1],"startTimeUnixNano":"1000000000","sum":12.5,\
            "timeUnixNano":"3000000000"}]},"name":"latency","unit":"s"}],"scope":{"name":"tapio","version":"1"}}]}]}
            """
        #expect(String(decoding: data, as: UTF8.self) == expected)
        #expect(reporter.exporter.status.errors == [:] && reporter.exporter.status.place == server.url + "/v1/metrics")
    }

    @Test("a receiver that fails, hangs or rejects is counted and told once, and the next report is sent")
    func failures() throws {
        try server.fault(["mode": "status", "status": 503, "count": 3])
        try server.fault(["mode": "hang", "seconds": 60])
        var settings = OTLPSettings(endpoint: server.url)
        settings.stallMs = 1000
        let reporter = Reporter(settings)
        #expect(reporter.wait { $0.sentRows >= 8 }, "\(reporter.exporter.status)")
        #expect(reporter.exporter.status.errors == ["throttled": 3, "timeout": 1])
        #expect(reporter.news.failures == [.throttled, .timeout] && reporter.news.recoveries == 1)
        try server.command("limit", ["reject": 2])
        #expect(reporter.wait { $0.lostRows == 2 }, "\(reporter.exporter.status)")
        #expect(reporter.news.notices == ["2 data points were rejected: older than a day"])
    }
}
