/// A key of a table beside the archive. Texts stand as numbers that the table gave them.
struct JoinKey: Sendable, Hashable {
    var number: Int64 = 0
    var first: UInt32 = 0
    var second: UInt32 = 0
}

/// Which row of a table counts for a key at a time.
///
/// Of the rows of a key, the one with the greatest begin that is not after the time counts, if the time is before its end.
struct ValidityIndex: Sendable {
    /// By key, its rows, in the order of their begin.
    fileprivate(set) var ranges: [JoinKey: Range<Int32>] = [:]
    /// By row, when it begins to be valid.
    fileprivate(set) var begins: [Int64] = []
    /// By row, when it ends; `Int64.max`: not known.
    fileprivate(set) var ends: [Int64] = []
    /// By row, where its values are, as the builder was told.
    fileprivate(set) var places: [Int] = []

    /// Rows.
    var count: Int { begins.count }

    /// The row that counts for `key` at `time`; nil where none does.
    func row(of key: JoinKey, at time: Int64) -> Int? {
        ranges[key].flatMap { row(in: $0, at: time) }
    }

    /// The same among the rows of a key.
    func row(in rows: Range<Int32>, at time: Int64) -> Int? {
        var low = Int(rows.lowerBound)
        var high = Int(rows.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if begins[middle] <= time { low = middle + 1 } else { high = middle }
        }
        let found = low - 1
        return found >= rows.lowerBound && time < ends[found] ? found : nil
    }
}

/// Collects the rows of a table, in the order in which they were written, that may count in a part of time.
///
/// Of the rows of a key that began before, only the last is held, so that a month of short processes costs what lives.
/// Bounded: where there is no room, those whose time is over go first; then rows are refused and counted, and the rows
/// before them end where they begin, so that a refusal leaves nulls and never a wrong value.
struct ValidityBuilder {
    /// Rows that found no room.
    private(set) var refused = 0
    private let range: ClosedRange<Int64>
    private let mostRows: Int
    /// By key, the place in `slots` of its row that begins last.
    private var heads: [JoinKey: Int32] = [:]
    private var slots: [Slot] = []
    /// Whether the last sweep made room enough that another is worth its while.
    private var isSweepWorthwhile = true

    private struct Slot {
        var begin: Int64
        var end: Int64
        var place: Int
        /// The row of the same key that begins before; -1: none.
        var previous: Int32
    }

    /// - Parameters:
    ///   - range: The time that is asked about.
    ///   - mostRows: Rows that are held, at most.
    init(range: ClosedRange<Int64>, mostRows: Int) {
        self.range = range
        self.mostRows = min(mostRows, Int(Int32.max))
    }

    /// Rows that are held.
    var count: Int { slots.count }

    /// Whether rows of a key that is new find no room, so that its texts need none either.
    var isFull: Bool { slots.count >= mostRows && !isSweepWorthwhile }

    /// Counts a row of a new key that found no room.
    mutating func refuse() { refused += 1 }

    /// Adds a row that was written after all others that were added.
    mutating func add(_ key: JoinKey, begin: Int64, end: Int64?, place: Int) {
        guard begin <= range.upperBound else { return }
        var after: Int32 = -1
        var before = heads[key] ?? -1
        while before >= 0, slots[Int(before)].begin > begin {
            after = before
            before = slots[Int(before)].previous
        }
        let isEarly = begin <= range.lowerBound
        if isEarly, after >= 0, slots[Int(after)].begin <= range.lowerBound { return }
        // The same row written again, or one that no question can reach any more.
        if before >= 0, isEarly || slots[Int(before)].begin == begin {
            replace(Int(before), begin: begin, end: end ?? .max, place: place)
            return
        }
        if slots.count >= mostRows {
            if isSweepWorthwhile {
                // It moves the slots.
                sweep()
                return add(key, begin: begin, end: end, place: place)
            }
            refused += 1
            if before >= 0 { slots[Int(before)].end = min(slots[Int(before)].end, begin) }
            return
        }
        let slot = Slot(begin: begin, end: end ?? .max, place: place, previous: before)
        slots.append(slot)
        let new = Int32(slots.count - 1)
        if after >= 0 { slots[Int(after)].previous = new } else { heads[key] = new }
    }

    private mutating func replace(_ slot: Int, begin: Int64, end: Int64, place: Int) {
        // Once rows were refused, one of this key may have been: what ended for its sake stays so.
        let isSame = slots[slot].begin == begin
        slots[slot].end = isSame && refused > 0 ? min(slots[slot].end, end) : end
        slots[slot].begin = begin
        slots[slot].place = place
    }

    /// Removes the keys that nothing in the time can belong to.
    private mutating func sweep() {
        let before = slots.count
        let old = (heads, slots)
        heads = [:]
        slots = []
        for (key, head) in old.0 where !isOver(old.1[Int(head)]) {
            var slot = head
            var copy: Int32 = -1
            while slot >= 0 {
                slots.append(old.1[Int(slot)])
                let new = Int32(slots.count - 1)
                slots[Int(new)].previous = -1
                if copy >= 0 { slots[Int(copy)].previous = new } else { heads[key] = new }
                copy = new
                slot = old.1[Int(slot)].previous
            }
        }
        isSweepWorthwhile = before - slots.count >= max(1, mostRows / 8)
    }

    /// Of the last row of a key: whether it, and so all of them, ended before the time.
    private func isOver(_ last: Slot) -> Bool { last.begin <= range.lowerBound && last.end <= range.lowerBound }

    /// The rows, to be asked.
    func finish() -> ValidityIndex {
        var index = ValidityIndex()
        for (key, head) in heads where !isOver(slots[Int(head)]) {
            let first = index.count
            var chain: [Int32] = []
            var slot = head
            while slot >= 0 {
                chain.append(slot)
                slot = slots[Int(slot)].previous
            }
            for slot in chain.reversed() {
                index.begins.append(slots[Int(slot)].begin)
                index.ends.append(slots[Int(slot)].end)
                index.places.append(slots[Int(slot)].place)
            }
            index.ranges[key] = Int32(first)..<Int32(index.count)
        }
        return index
    }
}
