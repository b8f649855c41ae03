import TapioEvents
import Testing

@testable import TapioAgent
@testable import TapioPipeline

@Suite("Metrics: their texts")
struct MetricsTextTests {
    private func text(_ metric: Metric, _ samples: [Metric.Sample], _ format: MetricsFormat) -> String {
        var text = MetricsText(format: format)
        text.write(metric, samples)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test("a counter ends with _total; OpenMetrics names its family without, and its unit")
    func counter() {
        let metric = Metric("tapio_lost_events", .counter, unit: .events, "Lost.", [.init("kind", "")]) { _ in [] }
        let samples = [Metric.Sample(["tcp_close"], .count(.max))]
        #expect(
            text(metric, samples, .text) == """
                # HELP tapio_lost_events_total Lost.
                # TYPE tapio_lost_events_total counter
                tapio_lost_events_total{kind="tcp_close"} 18446744073709551615

                """
        )
        #expect(
            text(metric, samples, .openMetrics) == """
                # HELP tapio_lost_events Lost.
                # TYPE tapio_lost_events counter
                # UNIT tapio_lost_events events
                tapio_lost_events_total{kind="tcp_close"} 18446744073709551615

                """
        )
    }

    @Test("an info is a gauge of 1 in the older format")
    func info() {
        let metric = Metric("tapio_build", .info, "Version.", [.init("version", "")]) { _ in [] }
        let samples = [Metric.Sample(["1"], .count(1))]
        #expect(
            text(metric, samples, .text).contains("# TYPE tapio_build_info gauge\ntapio_build_info{version=\"1\"} 1\n")
        )
        #expect(
            text(metric, samples, .openMetrics).contains("# TYPE tapio_build info\ntapio_build_info{version=\"1\"} 1\n")
        )
    }

    @Test("a histogram is cumulative, ends with +Inf, and its bounds are written as each format wants them")
    func histogram() {
        let metric = Metric("tapio_x_seconds", .histogram, unit: .seconds, "X.", []) { _ in [] }
        let buckets = Metric.Buckets(bounds: [0.0005, 1], counts: [2, 3], count: 4, sum: 7.25)
        #expect(
            text(metric, [Metric.Sample([], .buckets(buckets))], .text) == """
                # HELP tapio_x_seconds X.
                # TYPE tapio_x_seconds histogram
                tapio_x_seconds_bucket{le="0.0005"} 2
                tapio_x_seconds_bucket{le="1"} 3
                tapio_x_seconds_bucket{le="+Inf"} 4
                tapio_x_seconds_sum 7.25
                tapio_x_seconds_count 4

                """
        )
        #expect(text(metric, [Metric.Sample([], .buckets(buckets))], .openMetrics).contains("{le=\"1.0\"} 3\n"))
    }

    @Test("labels and help are escaped, and numbers written as Go reads them")
    func escapes() {
        let metric = Metric("tapio_x", .gauge, "a \"b\" \\ c\nd", [.init("l", "")]) { _ in [] }
        let samples = [Metric.Sample(["\"\\\n\u{7}é"], .number(.nan)), Metric.Sample([""], .number(-.infinity))]
        #expect(
            text(metric, samples, .text) == """
                # HELP tapio_x a "b" \\\\ c\\nd
                # TYPE tapio_x gauge
                tapio_x{l="\\"\\\\\\n\u{7}é"} NaN
                tapio_x{l=""} -Inf

                """
        )
        #expect(text(metric, samples, .openMetrics).hasPrefix("# HELP tapio_x a \\\"b\\\" \\\\ c\\nd\n"))
        for (number, written) in [
            (0, "0"), (-1.5, "-1.5"), (1e15, "1000000000000000"), (1e21, "1e+21"), (0.1, "0.1"), (1e-7, "1e-07"),
            (123_456_789_012, "123456789012"),
        ] as [(Double, String)] {
            #expect(MetricsText.number(number) == written)
        }
    }

    @Test("one without samples is left out, and OpenMetrics ends with EOF")
    func emptyAndEnd() {
        var snapshot = MetricsSnapshot()
        snapshot.isBPFMeasured = false
        let texts = [MetricsFormat.text, .openMetrics].map {
            String(decoding: MetricsText.write(snapshot, $0), as: UTF8.self)
        }
        #expect(texts.allSatisfy { !$0.contains("tapio_bpf_cpu_seconds") && $0.contains("tapio_bpf_measured 0\n") })
        #expect(texts[1].hasSuffix("\n# EOF\n"))
        #expect(!texts[0].contains("# EOF"))
    }

    @Test(
        "the format is the one that the client likes best",
        arguments: [
            ("", false), ("*/*", false), ("text/plain", false), ("text/html, */*;q=0.8", false),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;version=2.0.0", false),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                true
            ),
            ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.7", false),
            ("application/openmetrics-text;q=0", false), ("application/openmetrics-text;q=0, text/plain;q=0", false),
            ("Application/OpenMetrics-Text ; Version=\"1.0.0\" , text/plain;q=0.9", true),
            ("text/plain, */*;q=0.1, application/openmetrics-text;q=0.5", false),
            ("*/*, application/openmetrics-text;q=0.5, text/plain;q=0.2", true),
            ("application/openmetrics-text;q=nan;;;=;q, ,;", true), (",,;;==", false),
        ]
    )
    func negotiation(_ accept: String, _ isOpenMetrics: Bool) {
        let isChosen = if case .openMetrics = MetricsFormat(accept: accept) { true } else { false }
        #expect(isChosen == isOpenMetrics)
    }

    @Test("a histogram's buckets never make a duration shorter, and the sum is near the truth")
    func buckets() {
        let histogram = LatencyHistogram()
        var random = SystemRandomNumberGenerator()
        var values: [UInt64] = [0, 1, 15, 16, 17, 1 << 40]
        for _ in 0..<10_000 {
            let bound = UInt64(1) << Int.random(in: 1..<40, using: &random)
            values.append(UInt64.random(in: 0..<bound, using: &random))
        }
        for value in values { histogram.add(nanoseconds: Int64(value)) }
        let bounds: [UInt64] = [0, 15, 16, 1000, 1_000_000, 1_000_000_000, .max]
        let counts = histogram.snapshot.cumulative(bounds)
        for (bound, count) in zip(bounds, counts) {
            #expect(count <= values.count { $0 <= bound })
            #expect(count >= values.count { Double($0) * 1.0626 <= Double(bound) })
        }
        #expect(counts == counts.sorted() && counts.last == UInt64(values.count))
        let sum = values.reduce(0.0) { $0 + Double($1) }
        #expect(abs(histogram.snapshot.approximateSum - sum) <= sum * 0.032 + 1)
    }
}
