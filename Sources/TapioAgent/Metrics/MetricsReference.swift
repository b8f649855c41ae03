/// docs/metrics.md, made from the declarations.
enum MetricsReference {
    static var page: String {
        var text = """
            # Metrics

            What `/metrics` tells: Prometheus' text format 0.0.4 or OpenMetrics 1.0, whichever the client asks for.

            Counters begin with 0 when the agent starts and never fall. Every kind of every collector is there from the start, also
            those that never happened, so that a first loss shows as a rate. No label's value comes from what a process chose: the
            number of series depends on this version's kinds and collectors alone.

            ```promql
            sum(rate(tapio_processed_events_total[5m]))                                               # events per second
            sum by (stage, reason) (rate(tapio_dropped_events_total[5m]))                              # losses per second
            histogram_quantile(0.99, rate(tapio_processing_latency_seconds_bucket[5m]))                # p99 from kernel to reader
            tapio_resident_memory_bytes                                                               # memory
            sum(rate(tapio_blocked_passes_total[5m]))                                                  # stalls
            sum(rate(tapio_cpu_seconds_total[5m])) + (sum(rate(tapio_bpf_cpu_seconds_total[5m])) or vector(0))  # cores
            ```

            Alert rules for these six, with a scrape configuration: [deploy/prometheus](../deploy/prometheus/).

            """
        for section in MetricCatalog.sections {
            text += "\n## \(section.title)\n\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
            for metric in section.metrics { text += row(metric) }
        }
        return text
    }

    private static func row(_ metric: Metric) -> String {
        let labels = metric.labels.map { "`\($0.name)`: \($0.meaning)" }.joined(separator: "<br>")
        let unit = metric.unit?.rawValue ?? ""
        return "| `\(metric.sampleName)` | \(metric.kind.rawValue) | \(unit) | \(labels) | \(metric.help) |\n"
    }
}
