/// Numbers that a row group's texts have there, as a key; ``noEntry`` where there is none.
protocol LocalKey: Equatable {
    /// All bits of it, mixed: the low ones are used.
    var mixed: UInt64 { get }
}

extension SIMD2<UInt32>: LocalKey {
    @inline(__always)
    var mixed: UInt64 {
        let product = (UInt64(x) << 32 | UInt64(y) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        return product ^ product >> 32
    }
}

extension SIMD4<UInt32>: LocalKey {
    @inline(__always)
    var mixed: UInt64 { (lowHalf.mixed &* 0x8EBC_6AF0_9C88_C6E3) &+ highHalf.mixed }
}

extension SIMD8<UInt32>: LocalKey {
    @inline(__always)
    var mixed: UInt64 { (lowHalf.mixed &* 0xE703_7ED1_A0B4_28DB) &+ highHalf.mixed }
}

/// Sums of a row group by the numbers that its texts have there: each text is looked at once per row group, not per row.
///
/// A hash table with linear probing, at most half full: keys are small numbers, which nobody chooses, so a hash that is cheap is
/// good enough.
struct LocalTally<Key: LocalKey> {
    /// A key's sums.
    struct Sums {
        var score = 0.0
        var sums = SIMD8<Double>.zero
        var longest = 0.0
    }

    /// By hash, one more than the place in ``entries``; 0: free.
    private var places = [UInt32](repeating: 0, count: 64)
    private var last: (key: Key, place: Int)?
    /// In the order in which keys came.
    private(set) var entries: [(key: Key, value: Sums)] = []

    /// Adds to a key's sums.
    @inline(__always)
    mutating func add(_ key: Key, score: Double, sum place: Int = 0, _ amount: Double = 0, longest: Double = 0) {
        let entry = entry(key)
        entries[entry].value.score += score
        entries[entry].value.sums[place] += amount
        if longest > entries[entry].value.longest { entries[entry].value.longest = longest }
    }

    @inline(__always)
    private mutating func entry(_ key: Key) -> Int {
        if let last, last.key == key { return last.place }
        let place = find(key)
        last = (key, place)
        return place
    }

    private mutating func find(_ key: Key) -> Int {
        if entries.count * 2 >= places.count { grow() }
        var hash = Int(truncatingIfNeeded: key.mixed) & (places.count - 1)
        while places[hash] != 0 {
            let place = Int(places[hash]) - 1
            if entries[place].key == key { return place }
            hash = (hash + 1) & (places.count - 1)
        }
        entries.append((key, Sums()))
        places[hash] = UInt32(entries.count)
        return entries.count - 1
    }

    private mutating func grow() {
        places = [UInt32](repeating: 0, count: places.count * 4)
        for (index, entry) in entries.enumerated() {
            var hash = Int(truncatingIfNeeded: entry.key.mixed) & (places.count - 1)
            while places[hash] != 0 { hash = (hash + 1) & (places.count - 1) }
            places[hash] = UInt32(index + 1)
        }
    }
}
