import TapioBPF

/// What a row tells that stands for several merged events.
///
/// It has the events' `kind`, the columns of the grouping key, and these. Its `ts`, `cpu` and `seq` are those of the first
/// event merged; other columns that cannot be null are 0 or empty where they are not in the key; its `weight` is the sum of the
/// events' weights, so that sums of weights need not know of it.
public enum SummaryFields {
    /// `agg_count`: what tells a summary from an event.
    public static let count = Column(
        192,
        "agg_count",
        .int64,
        unit: .count,
        "Of a summary row: how many events were merged into it. Null in the row of a single event."
    )
    private static let first = Column(193, "agg_first", .timestamp, "When the first of them happened.")
    private static let last = Column(194, "agg_last", .timestamp, "When the last of them happened.")
    private static let min = Column(
        195,
        "agg_min",
        .int64,
        "Smallest value of the kind's measure (duration_ns, latency_ns), in its unit."
    )
    private static let max = Column(196, "agg_max", .int64, "Greatest value of the measure.")
    private static let sum = Column(197, "agg_sum", .int64, "Sum of the measure, over the events that were merged.")
    private static let histogram = Column(
        198,
        "agg_histogram",
        .string,
        "How many values of the measure fell into each class, as class:count class:count; class c begins at c, from 4 on at (4 + c % 4) * 2^(c / 4 - 1)."
    )

    /// In the order of the archive's columns.
    public static let columns = [count, first, last, min, max, sum, histogram]

    /// What is known of the other end, where that is the same for all events of a group.
    private static func remote(_ schema: EventSchema, _ key: AggregationKey) -> [Field] {
        guard let remote = schema.remote, key.fields.contains(where: { $0.source == .ipAddress(at: remote.address) })
        else { return [] }
        return RemoteColumn.fields
    }

    /// The fields of a summary record of `schema`, whose events are grouped by `key`, without enrichment.
    static func all(of schema: EventSchema, by key: AggregationKey) -> [Field] {
        let base = schema.summaryOffset
        func at<Value>(_ path: KeyPath<tapio_summary, Value>) -> Int {
            base + MemoryLayout<tapio_summary>.offset(of: path)!
        }
        let header = HeaderFields.all.map { field in
            guard case .weight = field.source else { return field }
            return Field(field.column, .weightSum(count: at(\.count), keep: at(\.keep)))
        }
        let payload = key.fields.filter { field in !HeaderFields.all.contains(field) }
        return header + payload + [
            Field(count, .uint64(at: at(\.count))),
            Field(first, .bootTime(at: MemoryLayout<tapio_header>.offset(of: \.time_ns)!)),
            Field(last, .bootTime(at: at(\.last_ns))),
            Field(min, .uint64(at: at(\.min)), absent: .allOnes),
            Field(max, .uint64(at: at(\.max)), absent: .allOnes),
            Field(sum, .uint64(at: at(\.sum)), absent: .allOnes),
            Field(histogram, .string(at: at(\.histogram)), absent: .zero),
        ] + remote(schema, key)
    }
}
