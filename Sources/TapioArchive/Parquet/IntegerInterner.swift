import TapioRings

/// Gives each distinct integer a number, in order of first appearance.
///
/// Neighbours that are equal cost a comparison. A small range of values is looked up in a table, all else hashed. Probing is
/// bounded: numbers that were chosen to collide end the attempt (the column is then written without a dictionary), they
/// don't stall the thread.
struct IntegerInterner: ~Copyable {
    /// The distinct values.
    private(set) var entries: ScratchBuffer<Int64>
    /// For each value, its place in `entries`.
    private(set) var indices: ScratchBuffer<UInt32>
    /// How often a value differed from the one before it.
    private(set) var changeCount = 0
    /// 0 = free, otherwise a place in `entries` plus 1.
    private var table: ScratchBuffer<UInt32>

    private static let probeLimit = 64

    init(_ memory: ScratchMemory) {
        entries = ScratchBuffer(memory)
        indices = ScratchBuffer(memory)
        table = ScratchBuffer(memory)
    }

    /// Forgets all, and gives memory back that others could use: what is taken first last, so that the next column gets the
    /// same, which is in a cache.
    mutating func giveBack() {
        table.giveBack()
        entries.giveBack()
        indices.giveBack()
    }

    /// Numbers `values`; false when more than `limit` are distinct (or probing got too long).
    @unsafe mutating func intern(
        _ values: UnsafeBufferPointer<Int64>,
        minimum: Int64,
        maximum: Int64,
        limit: Int
    ) -> Bool {
        entries.removeAll()
        indices.removeAll()
        indices.reserve(values.count)
        changeCount = 0
        let range = UInt64(bitPattern: maximum &- minimum)
        if range < 1 << 17, range < UInt64(values.count) * 2 + 1024 {
            return unsafe internByTable(values, minimum: minimum, range: Int(range), limit: limit)
        }
        return unsafe internByHash(values, limit: limit)
    }

    /// Makes `value` the only entry, without indices.
    mutating func setConstant(_ value: Int64) {
        entries.removeAll()
        indices.removeAll()
        entries.append(value)
    }

    @unsafe private mutating func internByTable(
        _ values: UnsafeBufferPointer<Int64>,
        minimum: Int64,
        range: Int,
        limit: Int
    ) -> Bool {
        entries.reserve(min(limit, values.count, range + 1) + 1)
        table.fill(range + 1, with: 0)
        let table = unsafe self.table.base
        let entries = unsafe self.entries.base
        let indices = unsafe self.indices.base
        var distinct: UInt32 = 0
        var changes = 0
        var previous: UInt32 = .max
        for position in 0..<values.count {
            let value = unsafe values[position]
            let slot = Int(value &- minimum)
            var index = unsafe table[slot] &- 1
            if index == .max {
                guard distinct < limit else { return false }
                index = distinct
                unsafe entries[Int(index)] = value
                distinct += 1
                unsafe table[slot] = distinct
            }
            changes += index == previous ? 0 : 1
            previous = index
            unsafe indices[position] = index
        }
        finish(distinct: Int(distinct), count: values.count, changes: changes)
        return true
    }

    @unsafe private mutating func internByHash(_ values: UnsafeBufferPointer<Int64>, limit: Int) -> Bool {
        var slots = 1024
        // At most half of the slots are taken.
        entries.reserve(slots / 2 + 1)
        table.fill(slots, with: 0)
        let indices = unsafe self.indices.base
        var distinct: UInt32 = 0
        var changes = 0
        var previous = unsafe ~values[0]
        var previousIndex: UInt32 = 0
        for position in 0..<values.count {
            let value = unsafe values[position]
            if value != previous {
                changes += 1
                previous = value
                var slot = Self.hash(value, slots)
                var probes = 0
                while true {
                    let index = unsafe table.base[slot]
                    if index == 0 {
                        guard distinct < limit else { return false }
                        unsafe entries.base[Int(distinct)] = value
                        previousIndex = distinct
                        distinct += 1
                        unsafe table.base[slot] = distinct
                        if Int(distinct) * 2 > slots {
                            slots *= 4
                            entries.count = Int(distinct)
                            entries.reserve(slots / 2 + 1 - Int(distinct))
                            guard rehash(slots, distinct: Int(distinct)) else { return false }
                        }
                        break
                    }
                    if unsafe entries.base[Int(index) - 1] == value {
                        previousIndex = index - 1
                        break
                    }
                    slot = (slot + 1) & (slots - 1)
                    probes += 1
                    guard probes < Self.probeLimit else { return false }
                }
            }
            unsafe indices[position] = previousIndex
        }
        finish(distinct: Int(distinct), count: values.count, changes: changes)
        return true
    }

    private mutating func rehash(_ slots: Int, distinct: Int) -> Bool {
        table.fill(slots, with: 0)
        for entry in 0..<distinct {
            var slot = Self.hash(unsafe entries.base[entry], slots)
            var probes = 0
            while unsafe table.base[slot] != 0 {
                slot = (slot + 1) & (slots - 1)
                probes += 1
                guard probes < Self.probeLimit else { return false }
            }
            unsafe table.base[slot] = UInt32(entry + 1)
        }
        return true
    }

    private mutating func finish(distinct: Int, count: Int, changes: Int) {
        entries.count = distinct
        indices.count = count
        changeCount = changes
    }

    @inline(__always)
    private static func hash(_ value: Int64, _ slots: Int) -> Int {
        let mixed = UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: (mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9 >> 32) & (slots - 1)
    }
}
