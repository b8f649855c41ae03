import TapioEvents

/// A question, as a person writes it.
public struct QuerySpec: Sendable, Hashable {
    /// Which rows; empty: all but the ledger's.
    public var filter = ""
    /// Not before this, UTC nanoseconds since 1970.
    public var sinceNs: Int64?
    /// Before this, UTC nanoseconds since 1970.
    public var untilNs: Int64?
    /// Fields to group by; `time(10s)` groups by time.
    public var groupBy: [String] = []
    /// `count`, `count(x)`, `sum(x)`, `avg(x)`, `min(x)`, `max(x)`, `p50(x)` … `p99.9(x)`, `distinct(x)`. With
    /// ``groupBy`` and none here, `count`.
    public var aggregates: [String] = []
    /// Columns to order by, with commas between, `-` in front of those with the greatest first: of the answer where rows are
    /// grouped, else fields, and then a ``limit`` is needed. Without it: by time where it is grouped by time, else the first
    /// aggregate, greatest first; single rows by time.
    public var order: String?
    /// At most so many rows of the answer.
    public var limit: Int?
    /// Fields to show of single rows; empty: all.
    public var select: [String] = []
    /// Whether nulls are filled in from the tables beside the archive, which know what was found out later.
    public var joins = true

    /// All rows.
    public init() {}

    /// Whether the answer is a table of groups, or else single rows.
    public var isAggregate: Bool { !groupBy.isEmpty || !aggregates.isEmpty }
}

/// Bounds of a query's memory: it ends with an error that names the bound, never without memory.
public struct QueryLimits: Sendable, Hashable {
    /// Groups of an answer.
    public var groups = 1_000_000
    /// Rows of an answer: groups that are left after the limit. Those that are only counted to find the first take less.
    public var answerRows = 300_000
    /// Bytes of the texts that they are named by.
    public var groupTextBytes = 64 << 20
    /// Buckets of percentiles and values of `distinct` that are held, over all groups.
    public var cells = 3_000_000
    /// Samples, over all groups, from which on the percentiles of groups with many are approximate (± 0.2 %). 20 bytes each.
    public var exactSamples = 3_000_000
    /// Row groups that are held at once while rows are put into the order of time.
    public var openRowGroups = 256
    /// Bytes of their rows, about.
    public var openRowBytes = 160 << 20
    /// Single rows that can be put into another order than that of time.
    public var orderedRows = 20_000
    /// Rows that tables beside the archive hold, all together, to fill in nulls. A row takes about 100 bytes.
    public var joinRows = 500_000
    /// Bytes of the texts in them.
    public var joinTextBytes = 32 << 20

    /// The usual bounds: about 256 MiB at worst.
    public init() {}
}

/// A point in time, as a person writes it.
public enum TimePoint {
    /// UTC nanoseconds since 1970 of a duration before now (`10m`), an RFC 3339 time, or a time of day (`HH:MM`, the latest
    /// that is not in the future).
    ///
    /// - Parameter utcOffset: Seconds that a time of day's clock is ahead of UTC.
    public static func parse(_ text: String, nowNs: Int64, utcOffset: Int = 0) throws(QueryError) -> Int64 {
        if text == "now" { return nowNs }
        if let duration = HumanUnits.durationNs(text) { return nowNs &- duration }
        if let time = HumanTime.nanoseconds(rfc3339: text) { return time }
        if let sinceMidnight = HumanTime.nanosecondsOfDay(text) {
            let day: Int64 = 86_400_000_000_000
            let local = nowNs + Int64(utcOffset) * 1_000_000_000
            let midnight = local - ((local % day) + day) % day
            let time = midnight + sinceMidnight - Int64(utcOffset) * 1_000_000_000
            return time > nowNs ? time - day : time
        }
        if text.hasPrefix("-"), let duration = HumanUnits.durationNs(text.dropFirst()), duration > 0 {
            throw QueryError(
                "\(text) is negative: \(text.dropFirst()) is that long before now already",
                in: text,
                at: 0..<text.unicodeScalars.count
            )
        }
        throw QueryError("no time: write 10m (before now), 14:05 or 2026-03-04T05:06:07Z", in: text, at: 0..<text.count)
    }
}
