/// A sum over all values of all rows that does not depend on the rows' order: equal for a merged segment and for what it was
/// merged from, and for nothing else by chance. Each value counts together with its row and its column, so that values that
/// moved to another row are found as well.
struct RowDigest: Sendable, Hashable {
    /// By name of the column.
    private var sums: [String: UInt64] = [:]
    private(set) var rows: Int64 = 0

    static func mix(_ value: UInt64) -> UInt64 {
        // The finalizer of SplitMix64.
        var mixed = value &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    static func key(ns: Int64, cpu: Int64, sequence: Int64) -> UInt64 {
        mix(mix(mix(UInt64(bitPattern: ns)) ^ UInt64(bitPattern: cpu)) ^ UInt64(bitPattern: sequence))
    }

    mutating func countRows(_ count: Int) { rows += Int64(count) }

    mutating func add(_ column: String, _ sum: UInt64) {
        // A column without values is the same as one that is not there.
        if sum != 0 { sums[column, default: 0] &+= sum }
    }

    /// What a value counts in its row.
    static func value(_ bits: UInt64, in key: UInt64) -> UInt64 { mix(bits ^ key) | 1 }

    /// A text's bits.
    static func text(_ bytes: ArraySlice<UInt8>) -> UInt64 { XXHash64.hash(Array(bytes)) }

    /// The sum of the rows of `data`, of which `rows[i]` has the key `keys[i]`.
    static func sum(of data: ColumnData, rows: some Sequence<Int>, keys: (Int) -> UInt64) -> UInt64 {
        var sum: UInt64 = 0
        var index = 0
        switch data.values {
        case .integers(let values):
            for row in rows {
                if data.isValid(row) { sum &+= value(UInt64(bitPattern: values[row]), in: keys(index)) }
                index += 1
            }
        case .doubles(let values):
            for row in rows {
                if data.isValid(row) { sum &+= value(values[row].bitPattern, in: keys(index)) }
                index += 1
            }
        case .strings(let strings):
            let texts = (0..<strings.entryCount).map { text(strings.entry($0)) }
            for row in rows {
                let entry = strings.indices[row]
                if entry != StringColumn.noValue { sum &+= value(texts[Int(entry)], in: keys(index)) }
                index += 1
            }
        }
        return sum
    }

    /// The digest of a whole segment. Reads it column by column.
    ///
    /// - Parameter rest: Called after each row group; what it throws ends the reading.
    init(_ segment: OpenedSegment, between rest: () throws -> Void = {}) throws {
        for group in segment.rowGroups {
            let source = MergeSource(segment: segment, group: group)
            let keys = try RowKeys(source).keys.map(\.hash)
            countRows(group.rowCount)
            for (index, column) in segment.schema.columns.enumerated() {
                guard let data = try source.read(index) else { continue }
                add(column.name, Self.sum(of: data, rows: 0..<group.rowCount) { keys[$0] })
            }
            try rest()
        }
    }

    init() {}
}
