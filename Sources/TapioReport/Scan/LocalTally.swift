/// Sums of a row group by the numbers that its texts have there: each text is looked at once per row group, not per row.
struct LocalTally<Key: Hashable> {
    /// A key's sums.
    struct Sums {
        var score = 0.0
        var sums = SIMD8<Double>.zero
        var longest = 0.0
    }

    private var slots: [Key: Int] = [:]
    private var last: (key: Key, slot: Int)?
    /// By slot.
    private(set) var entries: [(key: Key, value: Sums)] = []

    /// The place of a key's sums.
    @inline(__always)
    mutating func slot(_ key: Key) -> Int {
        if let last, last.key == key { return last.slot }
        let slot: Int
        if let known = slots[key] {
            slot = known
        } else {
            slot = entries.count
            entries.append((key, Sums()))
            slots[key] = slot
        }
        last = (key, slot)
        return slot
    }

    /// Adds to a key's sums.
    @inline(__always)
    mutating func add(_ key: Key, score: Double, sum place: Int = 0, _ amount: Double = 0, longest: Double = 0) {
        let slot = slot(key)
        entries[slot].value.score += score
        entries[slot].value.sums[place] += amount
        if longest > entries[slot].value.longest { entries[slot].value.longest = longest }
    }
}
