/// Rows of a row group that are still in question: a bit each.
struct Selection: Sendable, Hashable {
    private(set) var words: [UInt64]
    let rowCount: Int

    /// All rows, or none.
    init(rowCount: Int, all: Bool) {
        self.rowCount = rowCount
        words = [UInt64](repeating: all ? .max : 0, count: (rowCount + 63) / 64)
        if all && rowCount & 63 != 0 { words[words.count - 1] = (1 << UInt64(rowCount & 63)) - 1 }
    }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    func contains(_ row: Int) -> Bool { words[row >> 6] >> UInt64(row & 63) & 1 != 0 }

    /// Keeps the rows for which `predicate` holds; it is asked for kept rows only.
    @inline(__always)
    mutating func keep(where predicate: (Int) -> Bool) {
        for index in words.indices {
            var pending = words[index]
            if pending == 0 { continue }
            var kept: UInt64 = 0
            let base = index << 6
            if pending == .max {
                for bit in 0..<64 { kept |= (predicate(base + bit) ? 1 : 0) << UInt64(bit) }
            } else {
                while pending != 0 {
                    let bit = pending.trailingZeroBitCount
                    pending &= pending &- 1
                    kept |= (predicate(base + bit) ? 1 : 0) << UInt64(bit)
                }
            }
            words[index] = kept
        }
    }

    mutating func formUnion(_ other: Selection) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    mutating func subtract(_ other: Selection) {
        for index in words.indices { words[index] &= ~other.words[index] }
    }

    /// Keeps the rows whose bit in `bitmap` is set (or, if `isInverted`, clear).
    mutating func formIntersection(_ bitmap: [UInt64], isInverted: Bool = false) {
        for index in words.indices { words[index] &= isInverted ? ~bitmap[index] : bitmap[index] }
    }

    /// The kept rows, in order.
    var rows: [Int32] {
        var rows: [Int32] = []
        rows.reserveCapacity(count)
        for index in words.indices {
            var pending = words[index]
            while pending != 0 {
                rows.append(Int32(truncatingIfNeeded: index << 6 + pending.trailingZeroBitCount))
                pending &= pending &- 1
            }
        }
        return rows
    }
}
