/// A metric as OTLP has it, from whoever counts.
public struct OTLPMetric: Sendable, Hashable {
    /// What its points are.
    public enum Kind: Sendable, Hashable {
        /// Only rises, from 0 at the start: a cumulative monotonic sum.
        case counter
        /// Rises and falls.
        case gauge
        /// Counts by size, from the start on.
        case histogram
    }

    /// A value.
    public enum Value: Sendable, Hashable {
        /// A whole number; what does not fit 63 bits is cut to that.
        case count(UInt64)
        /// Any number.
        case number(Double)
        /// Counts by size.
        case buckets(Buckets)
    }

    /// What a histogram counted.
    public struct Buckets: Sendable, Hashable {
        /// Upper bounds, ascending, without the infinite one.
        public var bounds: [Double]
        /// How many did not exceed each.
        public var cumulative: [UInt64]
        /// How many there are.
        public var count: UInt64
        /// Their sum.
        public var sum: Double

        /// Counts.
        public init(bounds: [Double], cumulative: [UInt64], count: UInt64, sum: Double) {
            self.bounds = bounds
            self.cumulative = cumulative
            self.count = count
            self.sum = sum
        }
    }

    /// A value and what tells it from the metric's others.
    public struct Point: Sendable, Hashable {
        /// Name and value of each label.
        public var labels: [Label]
        /// The value.
        public var value: Value

        /// A point.
        public init(labels: [Label], value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    /// A label of a point.
    public struct Label: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// Its value.
        public var value: String

        /// A label.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Its name.
    public var name: String
    /// What it says.
    public var help: String
    /// By UCUM; empty: none.
    public var unit: String
    /// What its points are.
    public var kind: Kind
    /// Its values.
    public var points: [Point]

    /// A metric.
    public init(name: String, help: String, unit: String, kind: Kind, points: [Point]) {
        self.name = name
        self.help = help
        self.unit = unit
        self.kind = kind
        self.points = points
    }
}

/// All metrics at one time.
public struct OTLPMetrics: Sendable {
    /// Who counted.
    public var identity: OTLPIdentity
    /// Since when, UTC nanoseconds since 1970.
    public var startNs: Int64
    /// When they were read, UTC nanoseconds since 1970.
    public var timeNs: Int64
    /// The metrics.
    public var metrics: [OTLPMetric]

    /// Metrics.
    public init(identity: OTLPIdentity, startNs: Int64, timeNs: Int64, metrics: [OTLPMetric]) {
        self.identity = identity
        self.startNs = startNs
        self.timeNs = timeNs
        self.metrics = metrics
    }

    var pointCount: Int { metrics.reduce(0) { $0 + $1.points.count } }

    /// An `ExportMetricsServiceRequest`.
    func request() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.field(1) { resourceMetrics in
            resourceMetrics.field(1, bytes: identity.resource)
            resourceMetrics.field(2) { scopeMetrics in
                scopeMetrics.field(1, bytes: OTLPValue.scope(version: identity.version))
                for metric in metrics where !metric.points.isEmpty { scopeMetrics.field(2) { write(metric, to: &$0) } }
            }
        }
        return writer.bytes
    }

    /// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
    private static let cumulative: UInt64 = 2

    private func write(_ metric: OTLPMetric, to writer: inout ProtobufWriter) {
        writer.field(1, text: metric.name)
        writer.field(2, text: metric.help)
        if !metric.unit.isEmpty { writer.field(3, text: metric.unit) }
        switch metric.kind {
        case .gauge:
            writer.field(5) { gauge in
                for point in metric.points { gauge.field(1) { write(point, to: &$0, since: nil) } }
            }
        case .counter:
            writer.field(7) { sum in
                for point in metric.points { sum.field(1) { write(point, to: &$0, since: startNs) } }
                sum.field(2, varint: Self.cumulative)
                sum.field(3, varint: 1)
            }
        case .histogram:
            writer.field(9) { histogram in
                for point in metric.points { histogram.field(1) { writeHistogram(point, to: &$0) } }
                histogram.field(2, varint: Self.cumulative)
            }
        }
    }

    /// A `NumberDataPoint`.
    private func write(_ point: OTLPMetric.Point, to writer: inout ProtobufWriter, since startNs: Int64?) {
        if let startNs { writer.field(2, fixed64: UInt64(bitPattern: startNs)) }
        writer.field(3, fixed64: UInt64(bitPattern: timeNs))
        switch point.value {
        case .count(let count): writer.field(6, fixed64: min(count, UInt64(Int64.max)))
        case .number(let number): writer.field(4, double: number)
        case .buckets(let buckets): writer.field(6, fixed64: min(buckets.count, UInt64(Int64.max)))
        }
        for label in point.labels { writer.field(7, bytes: OTLPValue.pair(label.name, label.value)) }
    }

    /// A `HistogramDataPoint`.
    private func writeHistogram(_ point: OTLPMetric.Point, to writer: inout ProtobufWriter) {
        guard case .buckets(let buckets) = point.value else { return }
        writer.field(2, fixed64: UInt64(bitPattern: startNs))
        writer.field(3, fixed64: UInt64(bitPattern: timeNs))
        // What was read while it was counted may be off by a few: what is told adds up.
        var counts: [UInt64] = []
        var before: UInt64 = 0
        for cumulative in buckets.cumulative.prefix(buckets.bounds.count) {
            counts.append(cumulative > before ? cumulative - before : 0)
            before = max(before, cumulative)
        }
        counts.append(buckets.count > before ? buckets.count - before : 0)
        writer.field(4, fixed64: max(before, buckets.count))
        writer.field(5, double: buckets.sum)
        writer.field(6, packed: counts)
        writer.field(7, packed: buckets.bounds.map(\.bitPattern))
        for label in point.labels { writer.field(9, bytes: OTLPValue.pair(label.name, label.value)) }
    }
}
