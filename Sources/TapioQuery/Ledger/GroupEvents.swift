/// The events that the rows of one row group stand for, by entry of its column `kind`. Reads a column only where its bounds don't
/// say enough; archives from before there were summaries lack some.
struct GroupEvents {
    /// Rows that are summaries.
    private(set) var summaries: [Int64]
    /// Events that were merged into them.
    private(set) var merged: [Int64]
    /// What the rows stand for.
    private(set) var weights: [SampleWeights]

    init(_ reader: GroupReader, _ kinds: TextVector) throws {
        summaries = [Int64](repeating: 0, count: kinds.entryCount)
        merged = summaries
        weights = [SampleWeights](repeating: SampleWeights(), count: kinds.entryCount)
        let hasSummaries = reader.bounds("agg_count").map { $0.nullCount != reader.rowCount } ?? false
        let counts = hasSummaries ? try reader.column("agg_count") : nil
        let bounds = reader.bounds("weight")
        let isWhole = bounds?.minimum == .double(1) && bounds?.maximum == .double(1)
        let all = isWhole ? nil : try reader.column("weight")
        let pids = isWhole ? nil : try reader.column("pid")
        for (row, index) in kinds.indices.enumerated() where index != TextVector.noValue {
            let kind = Int(index)
            let count = Self.integer(counts, row)
            if let count {
                summaries[kind] += 1
                merged[kind] += count
            }
            if case .doubles(let values)? = all?.values, all?.isValid(row) == true, values[row] != 1 {
                weights[kind].add(weight: values[row], count: count, pid: Self.integer(pids, row))
            } else if count == nil {
                weights[kind].add(unsampled: 1)
            } else {
                weights[kind].add(weight: 1, count: count, pid: nil)
            }
        }
    }

    private static func integer(_ column: ColumnVector?, _ row: Int) -> Int64? {
        guard let column, column.isValid(row), case .integers(let values) = column.values else { return nil }
        return values[row]
    }
}
