/// One metric, declared once: what the endpoint says of it, what docs/metrics.md says, and where its values come from.
struct Metric: Sendable {
    /// What may become of the values.
    enum Kind: String, Sendable {
        /// Only rises, from 0 at the agent's start.
        case counter
        /// Rises and falls.
        case gauge
        /// Counts by size.
        case histogram
        /// Always 1: its labels tell.
        case info
    }

    /// What the values count. A name ends with it.
    enum Unit: String, Sendable {
        case seconds, bytes, ratio
        case events, rows, batches, segments, entries, lookups, questions, programs, processes, records, runs, passes
        case reloads, restarts, connections, responses, errors, evictions
    }

    /// A label, with what its values are.
    struct Label: Sendable {
        let name: String
        let meaning: String

        init(_ name: String, _ meaning: String) {
            self.name = name
            self.meaning = meaning
        }
    }

    /// A value and the values of its labels, in the order in which these are declared.
    struct Sample: Sendable {
        let labels: [String]
        let value: Value

        init(_ labels: [String] = [], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    /// A number, or the counts of a histogram.
    enum Value: Sendable {
        case count(UInt64)
        case number(Double)
        case buckets(Buckets)

        static func flag(_ isTrue: Bool) -> Value { .count(isTrue ? 1 : 0) }
        static func size(_ value: some BinaryInteger) -> Value { .number(Double(value)) }
    }

    /// What a histogram counted.
    struct Buckets: Sendable {
        /// Upper bounds in the metric's unit, ascending, without the infinite one.
        let bounds: [Double]
        /// How many did not exceed each.
        let counts: [UInt64]
        let count: UInt64
        let sum: Double
    }

    /// Without `_total` and `_info`.
    let name: String
    let kind: Kind
    let unit: Unit?
    let help: String
    let labels: [Label]
    let samples: @Sendable (MetricsSnapshot) -> [Sample]

    /// The name of its samples; a histogram's have endings of their own.
    var sampleName: String {
        switch kind {
        case .counter: name + "_total"
        case .info: name + "_info"
        case .gauge, .histogram: name
        }
    }

    /// One that may have several values.
    init(
        _ name: String,
        _ kind: Kind,
        unit: Unit? = nil,
        _ help: String,
        _ labels: [Label],
        _ samples: @escaping @Sendable (MetricsSnapshot) -> [Sample]
    ) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
        self.labels = labels
        self.samples = samples
    }

    /// One without labels.
    init(
        _ name: String,
        _ kind: Kind,
        unit: Unit? = nil,
        _ help: String,
        _ value: @escaping @Sendable (MetricsSnapshot) -> Value
    ) {
        self.init(name, kind, unit: unit, help, []) { [Sample([], value($0))] }
    }
}
