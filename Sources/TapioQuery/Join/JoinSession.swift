import TapioEvents

/// The joins of one question: wraps row groups so that the columns that the question uses are filled in.
///
/// The tables are read when the first row asks for them, and once. They hold what ``QueryLimits`` allows; what found no room,
/// or cannot be read, is told by `report(to:)`.
public struct JoinSession: Sendable {
    private let joined: Set<String>
    private let nodes: [String: JoinedTables]
    private let budget: JoinBudget

    /// The joins for who reads rows itself.
    ///
    /// - Parameters:
    ///   - columns: Those that are read; the others stay as they were written.
    ///   - segments: Those of the archive that are read.
    ///   - times: The time that the rows are of, UTC microseconds since 1970.
    ///   - numbers: The pids, cgroups and the like that the rows can have, where few are asked for; nil: any.
    public init(
        reading columns: Set<String>,
        of segments: [SegmentSource],
        times: ClosedRange<Int64>,
        numbers: Set<Int64>? = nil,
        limits: QueryLimits = QueryLimits()
    ) {
        self.init(
            joined: JoinTable.joined(for: columns),
            segments: segments,
            times: times,
            numbers: numbers,
            limits: limits
        )
    }

    /// - Parameters:
    ///   - joined: The columns that are filled in.
    ///   - segments: Those of the archive that the question is about.
    ///   - times: The question's time, UTC microseconds since 1970.
    ///   - numbers: The numbers that keys can have; nil: any.
    init(
        joined: Set<String>,
        segments: [SegmentSource],
        times: ClosedRange<Int64>,
        numbers: Set<Int64>? = nil,
        limits: QueryLimits
    ) {
        self.joined = joined
        budget = JoinBudget(limits)
        var nodes: [String: JoinedTables] = [:]
        for (name, segments) in Dictionary(grouping: segments, by: { $0.dimensions?.name ?? "" }) {
            guard let source = segments.first?.dimensions else { continue }
            nodes[name] = JoinedTables(
                source,
                joined: joined,
                times: Self.times(of: segments, within: times),
                numbers: numbers,
                budget: budget
            )
        }
        self.nodes = nodes
    }

    /// The time that the segments' rows can be of, within the question's.
    private static func times(of segments: [SegmentSource], within times: ClosedRange<Int64>) -> ClosedRange<Int64> {
        var low = Int64.max
        var high = Int64.min
        for segment in segments {
            guard let known = segment.timestampsNs else { return times }
            // Rounded down, and a little more.
            low = min(low, known.lowerBound / 1000 - 1)
            // An open one may have grown since it was listed.
            high = segment.isOpen ? .max : max(high, known.upperBound / 1000)
        }
        low = max(low, times.lowerBound)
        return low...max(low, min(high, times.upperBound))
    }

    /// The segment's row groups with their nulls filled in; as they are where there is no table for them.
    public func wrap(_ groups: [any RowGroupSource], of segment: SegmentSource) -> [any RowGroupSource] {
        guard let tables = segment.dimensions.flatMap({ nodes[$0.name] }), !tables.present.isEmpty else {
            return groups
        }
        var joins: [String: [JoinTable]] = [:]
        for name in joined {
            let filling = tables.present.filter { $0.targets[name] != nil }
            if !filling.isEmpty { joins[name] = filling }
        }
        return groups.map { JoinedRowGroup($0, joins: joins, tables: tables) }
    }

    /// Adds what could not be read or held to what the answer lacks.
    public func report(to summary: inout ScanSummary) {
        let (damage, refused) = budget.outcome
        for item in damage { summary.add(item) }
        summary.unjoinedRows.merge(refused, uniquingKeysWith: +)
    }

    /// The same for an answer that is on its way.
    func report(to scan: inout ScanState) { report(to: &scan.summary) }
}
