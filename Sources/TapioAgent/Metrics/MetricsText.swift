/// Writes metrics in one of the formats.
struct MetricsText {
    private let format: MetricsFormat
    private var out: [UInt8] = []

    /// All metrics of a snapshot.
    static func write(_ snapshot: MetricsSnapshot, _ format: MetricsFormat) -> [UInt8] {
        var text = MetricsText(format: format)
        text.out.reserveCapacity(256 << 10)
        for metric in MetricCatalog.all { text.write(metric, metric.samples(snapshot)) }
        if format == .openMetrics { text.out += Array("# EOF\n".utf8) }
        return text.out
    }

    init(format: MetricsFormat) {
        self.format = format
    }

    /// What was written so far.
    var bytes: [UInt8] { out }

    /// Writes a metric; one without samples is left out.
    mutating func write(_ metric: Metric, _ samples: [Metric.Sample]) {
        guard !samples.isEmpty else { return }
        let family = format == .openMetrics ? metric.name : metric.sampleName
        line("# HELP \(family) \(help(metric.help))")
        // The older format knows no info.
        let kind = metric.kind == .info && format == .text ? .gauge : metric.kind
        line("# TYPE \(family) \(kind.rawValue)")
        if format == .openMetrics, let unit = metric.unit { line("# UNIT \(family) \(unit.rawValue)") }
        for sample in samples {
            let labels = zip(metric.labels, sample.labels).map { "\($0.name)=\"\(Self.label($1))\"" }
            switch sample.value {
            case .count(let count): line("\(metric.sampleName)\(Self.set(labels)) \(count)")
            case .number(let number): line("\(metric.sampleName)\(Self.set(labels)) \(Self.number(number))")
            case .buckets(let buckets): write(buckets, of: metric, labels)
            }
        }
    }

    private mutating func write(_ buckets: Metric.Buckets, of metric: Metric, _ labels: [String]) {
        for (bound, count) in zip(buckets.bounds, buckets.counts) {
            line("\(metric.name)_bucket\(Self.set(labels + ["le=\"\(self.bound(bound))\""])) \(count)")
        }
        line("\(metric.name)_bucket\(Self.set(labels + ["le=\"+Inf\""])) \(buckets.count)")
        line("\(metric.name)_sum\(Self.set(labels)) \(Self.number(buckets.sum))")
        line("\(metric.name)_count\(Self.set(labels)) \(buckets.count)")
    }

    private mutating func line(_ text: String) {
        out += text.utf8
        out.append(UInt8(ascii: "\n"))
    }

    private static func set(_ labels: [String]) -> String {
        labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
    }

    /// Both formats escape a label's value alike.
    static func label(_ text: String) -> String {
        guard text.utf8.contains(where: { "\\\"\n".utf8.contains($0) }) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    /// Only OpenMetrics escapes quotes in a help text.
    private func help(_ text: String) -> String {
        let escaped = Self.label(text)
        return format == .openMetrics
            ? escaped
            : escaped.split(separator: "\\\"", omittingEmptySubsequences: false)
                .joined(separator: "\"")
    }

    /// As Go and OpenMetrics read them; whole numbers without a point.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 9e15 { return String(Int64(value)) }
        return value.description
    }

    /// OpenMetrics wants its bounds with a point, the older format's are usually without.
    private func bound(_ value: Double) -> String {
        format == .openMetrics ? value.description : Self.number(value)
    }
}
