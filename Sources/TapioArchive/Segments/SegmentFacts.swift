/// What a segment holds, added up over its row groups.
public struct SegmentTotals: Sendable, Hashable {
    /// Row groups.
    public internal(set) var groups = 0
    /// Rows.
    public internal(set) var rows: Int64 = 0
    /// Earliest event, UTC nanoseconds since 1970; nil without rows.
    public internal(set) var minTimestampNs: Int64?
    /// Latest event, UTC nanoseconds since 1970; nil without rows.
    public internal(set) var maxTimestampNs: Int64?
    /// Rows and weight per kind, by the kind's number.
    public internal(set) var kinds: [KindTotal] = []

    /// Nothing yet.
    public init() {}

    mutating func add(rows count: Int, minTimestampNs low: Int64, maxTimestampNs high: Int64, kinds more: [KindTotal]) {
        groups += 1
        rows += Int64(count)
        minTimestampNs = min(minTimestampNs ?? low, low)
        maxTimestampNs = max(maxTimestampNs ?? high, high)
        add(more)
    }

    mutating func add(_ more: [KindTotal]) {
        for kind in more {
            if let index = kinds.firstIndex(where: { $0.kind == kind.kind && $0.name == kind.name }) {
                kinds[index].rows += kind.rows
                kinds[index].weight += kind.weight
            } else {
                kinds.append(kind)
            }
        }
        kinds.sort { ($0.kind, $0.name) < ($1.kind, $1.name) }
    }

    mutating func add(_ group: FrameScan.Group) {
        add(
            rows: Int(group.header.rows),
            minTimestampNs: group.trailer.minTimestampNs,
            maxTimestampNs: group.trailer.maxTimestampNs,
            kinds: group.trailer.kinds
        )
    }
}

/// A segment as the catalogue knows it.
public struct SegmentFacts: Sendable, Hashable {
    /// Its name.
    public let name: SegmentName
    /// Where it lies, from the node's directory on: `date=…/hour=…/….parquet`.
    public let relativePath: String
    /// Size of the file in bytes.
    public let bytes: Int64
    /// What it holds.
    public let totals: SegmentTotals
    /// Whether it was saved after a crash or repaired, so that a gap may follow its last row.
    public let isRecovered: Bool
    /// Whether it was cut off, or its frames are not what they should be, as far as that shows without reading its rows.
    public internal(set) var isDamaged = false
}
