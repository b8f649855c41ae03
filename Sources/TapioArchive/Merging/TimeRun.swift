/// The rows of one row group in the order of time, and how far they were taken.
struct TimeRun {
    /// Where a row stands among all of a node. Rows of the same time are in the order of CPU and number.
    struct Key: Comparable {
        /// UTC nanoseconds since 1970.
        var ns: Int64
        var sequence: Int64
        var cpu: Int32
        /// In the group.
        var row: Int32

        static func < (left: Key, right: Key) -> Bool {
            if left.ns != right.ns { return left.ns < right.ns }
            return (left.cpu, left.sequence, left.row) < (right.cpu, right.sequence, right.row)
        }

        /// Tells rows of a node apart; goes into the digest of each value.
        var hash: UInt64 { RowDigest.key(ns: ns, cpu: Int64(cpu), sequence: sequence) }
    }

    let source: MergeSource
    private let keys: [Key]
    private var position = 0

    init(_ source: MergeSource) throws(ArchiveReadError) {
        self.source = source
        keys = try RowKeys(source).keys.sorted()
    }

    /// The first row that was not taken; nil at the end.
    var head: Key? { position < keys.count ? keys[position] : nil }
    /// Rows, taken or not.
    var rowCount: Int { keys.count }

    mutating func advance() { position += 1 }
}

/// A row group of a segment that is merged.
struct MergeSource {
    let segment: OpenedSegment
    let group: SegmentRowGroup

    /// No row is earlier, UTC nanoseconds since 1970.
    var earliestNs: Int64 { group.timestampsNs?.lowerBound ?? .min }

    /// A column's values; nil where all rows have null, or the file has no such column.
    func read(_ column: Int) throws(ArchiveReadError) -> ColumnData? {
        guard segment.schema.columns.indices.contains(column) else { return nil }
        // A required column has no nulls, whatever the statistics say.
        let isRequired = segment.schema.columns[column].isRequired
        if !isRequired, group.info.statistics(column)?.nullCount == group.rowCount { return nil }
        return try segment.readColumn(column, of: group)
    }

    func read(_ name: String) throws(ArchiveReadError) -> ColumnData? {
        guard let column = segment.schema.index(of: name) else { return nil }
        return try read(column)
    }
}

/// The keys of a group's rows, in the order of the file.
struct RowKeys {
    private(set) var keys: [TimeRun.Key] = []

    init(_ source: MergeSource) throws(ArchiveReadError) {
        func integers(_ name: String) throws(ArchiveReadError) -> [Int64]? {
            guard case .integers(let values)? = try source.read(name)?.values else { return nil }
            return values
        }
        let ts = try integers("ts")
        let subNs = try integers("ts_sub_ns")
        let cpu = try integers("cpu")
        let sequence = try integers("seq")
        keys.reserveCapacity(source.group.rowCount)
        for row in 0..<source.group.rowCount {
            keys.append(
                TimeRun.Key(
                    ns: (ts?[row] ?? 0) &* 1000 &+ (subNs?[row] ?? 0),
                    sequence: sequence?[row] ?? 0,
                    cpu: Int32(truncatingIfNeeded: cpu?[row] ?? 0),
                    row: Int32(truncatingIfNeeded: row)
                )
            )
        }
    }
}
