import TapioTestSupport
import Testing

@testable import TapioExport

/// Against a receiver that is not ours.
@Suite("Export: a real receiver of OTLP")
struct OTLPReceiverTests {
    @Test("it takes every row of an archive and shows it with its fields", arguments: BodyCompression.allCases)
    func logs(compression: BodyCompression) async throws {
        let receiver = try OTLPReceiver()
        let archive = try WideArchive()
        try archive.seal(
            (0..<500).map { number in
                WideArchive.row(
                    number,
                    "process_exit",
                    "high",
                    ["pid": .integer(number + 1), "comm": .text("prog-\(number)"), "exit_code": .integer(3)]
                )
            }
        )
        var settings = OTLPSettings(endpoint: receiver.url)
        settings.compression = compression
        settings.batchRows = 200
        let running = RunningExporter { tell in
            SegmentExporter(
                .otlp(settings),
                pace: .fast,
                source: ExportSource(archive.archive),
                environment: [:],
                tell: tell
            )
        }
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(running.status.sentRows == 500 && running.status.errors == [:] && running.status.lostRows == 0)
        // It passes over an encoding that it does not know, and finds nonsense: that must not cost a row.
        let notices = compression == .zstd ? ["the receiver takes no zstd: it gets gzip from now on"] : []
        #expect(running.news.notices.map { String($0.prefix { $0 != ";" }) } == notices)
        #expect(
            receiver.awaitOutput(
                "host.name: Str(n1)",
                "service.name: Str(tapio)",
                "EventName: process_exit",
                "Body: Str(process_exit)",
                "SeverityText: high",
                "SeverityNumber: SEVERITY_NUMBER_INFO2(10)",
                "Timestamp: \(ExportedArchive.noonNs + 499 * 1001)",
                "process.exit.code: Int(3)",
                "tapio.weight: Double(2.5)",
                "thread.name: Str(prog-499)"
            ),
            "\(receiver.output.suffix(3000))"
        )
        let output = receiver.output
        let names = Set(output.split(separator: "\n").filter { $0.contains("-> thread.name: ") })
        #expect(names.count == 500)
    }

    @Test("it takes metrics: a sum, a gauge and a histogram")
    func metrics() async throws {
        let receiver = try OTLPReceiver()
        let metrics = OTLPMetrics(
            identity: OTLPIdentity(node: "n1", runID: "run", bootID: "", version: "1", isKubernetes: false),
            startNs: 1,
            timeNs: 2,
            metrics: [
                OTLPMetric(
                    name: "a_sum",
                    help: "h",
                    unit: "By",
                    kind: .counter,
                    points: [.init(labels: [.init("k", "v")], value: .count(77))]
                ),
                OTLPMetric(
                    name: "a_histogram",
                    help: "h",
                    unit: "s",
                    kind: .histogram,
                    points: [
                        .init(labels: [], value: .buckets(.init(bounds: [0.25], cumulative: [3], count: 5, sum: 8.5)))
                    ]
                ),
            ]
        )
        let exporter = OTLPMetricsExporter(
            OTLPSettings(endpoint: receiver.url),
            interval: .seconds(60),
            environment: [:],
            tell: { _ in },
            read: { metrics }
        )
        let task = Task { await exporter.run() }
        defer { task.cancel() }
        #expect(
            receiver.awaitOutput(
                "Name: a_sum",
                "Unit: By",
                "IsMonotonic: true",
                "77",
                "Name: a_histogram",
                "0.25",
                "8.5"
            ),
            "\(receiver.output)"
        )
        #expect(exporter.status.sentRows == 2 && exporter.status.errors == [:], "\(exporter.status)")
    }
}
