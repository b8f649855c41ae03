import TapioExport

extension MetricsSnapshot {
    /// The same figures as those of /metrics, for a receiver of OTLP.
    func otlp(_ identity: OTLPIdentity) -> OTLPMetrics {
        OTLPMetrics(
            identity: identity,
            startNs: status.startedAt &* 1000,
            timeNs: status.takenAt &* 1000,
            metrics: MetricCatalog.all.map { metric in
                let points = metric.samples(self).map { sample in
                    OTLPMetric.Point(
                        labels: zip(metric.labels, sample.labels).map { OTLPMetric.Label($0.name, $1) },
                        value: sample.value.otlp
                    )
                }
                return OTLPMetric(
                    name: metric.otlpName,
                    help: metric.help,
                    unit: metric.unit?.ucum ?? "",
                    kind: metric.kind.otlp,
                    points: points
                )
            }
        )
    }
}

extension Metric {
    /// As Prometheus' own receiver names it back: it puts `_total` behind a sum, and the unit where the name lacks it.
    var otlpName: String { kind == .info ? sampleName : name }
}

extension Metric.Unit {
    /// The unit by UCUM, where what is counted stands in braces.
    var ucum: String {
        switch self {
        case .seconds: "s"
        case .bytes: "By"
        case .ratio: "1"
        default: "{\(rawValue)}"
        }
    }
}

extension Metric.Kind {
    fileprivate var otlp: OTLPMetric.Kind {
        switch self {
        case .counter: .counter
        case .gauge, .info: .gauge
        case .histogram: .histogram
        }
    }
}

extension Metric.Value {
    fileprivate var otlp: OTLPMetric.Value {
        switch self {
        case .count(let count): .count(count)
        case .number(let number): .number(number)
        case .buckets(let buckets):
            .buckets(
                OTLPMetric.Buckets(
                    bounds: buckets.bounds,
                    cumulative: buckets.counts,
                    count: buckets.count,
                    sum: buckets.sum
                )
            )
        }
    }
}

extension Agent {
    /// Makes the exporter of metrics what the configuration says.
    func applyMetricsExport() async {
        let environment = ConfigurationSources.processEnvironment
        await metricsExport.apply(configuration.exportSettings.otlp) { [weak self, identity] in
            guard let self else { return nil }
            let snapshot = await self.metrics()
            return snapshot.otlp(
                OTLPIdentity(
                    node: snapshot.status.node,
                    runID: identity.runID,
                    bootID: identity.bootID,
                    version: snapshot.status.version,
                    isKubernetes: OTLPIdentity.isPod(environment)
                )
            )
        }
    }
}
