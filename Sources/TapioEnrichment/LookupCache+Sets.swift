public import Synchronization

// Where entries lie.
extension LookupCache {
    /// A number and the tick from which on it does not count any more, in one word; all zero where there is none.
    @usableFromInline
    struct Entry {
        @usableFromInline let word: UInt64

        @inlinable
        init(word: UInt64) {
            self.word = word
        }

        init(id: UInt32, expiryTick: UInt32) {
            word = UInt64(expiryTick) << 32 | UInt64(id)
        }

        @inlinable var id: UInt32 { UInt32(truncatingIfNeeded: word) }
        @inlinable var expiryTick: UInt64 { word >> 32 }
        /// No entry expires at tick 0: times to live are at least one.
        @inlinable var isEmpty: Bool { word == 0 }
    }

    /// What became of a question.
    @usableFromInline
    enum Outcome: Int {
        case hit, miss, expired, contended
    }

    /// What the writer counts.
    enum WriteCount: Int, CaseIterable {
        case insertions, removals, evictions
    }

    /// Each reader's counters lie on lines of their own.
    @inlinable
    static var countersPerReader: Int { setBytes / MemoryLayout<UInt64>.stride }

    /// The set that a key belongs to: the multiplication spreads keys that differ in few bits (Knuth's golden ratio), and
    /// its upper half is scaled to the number of sets.
    @inlinable
    @inline(__always)
    func set(of key: UInt64) -> UnsafeMutableRawPointer {
        let hash = key &* 0x9E37_79B9_7F4A_7C15
        return unsafe sets + Int(truncatingIfNeeded: ((hash >> 32) &* setCount) >> 32) * Self.setBytes
    }

    @inlinable
    @inline(__always)
    static func version(_ set: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe set.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable
    @inline(__always)
    static func key(_ set: UnsafeMutableRawPointer, _ way: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe version(set) + 1 + way
    }

    @inlinable
    @inline(__always)
    static func value(_ set: UnsafeMutableRawPointer, _ way: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe version(set) + 1 + ways + way
    }

    /// Where a key lies, or lay; nil where it doesn't. An entry never moves, so that a key that is there all the time is
    /// found whatever the writer does.
    @inlinable
    @inline(__always)
    static func way(of key: UInt64, in set: UnsafeMutableRawPointer) -> Int? {
        for way in 0..<ways where unsafe self.key(set, way).pointee.load(ordering: .acquiring) == key {
            return way
        }
        return nil
    }

    // The writer's own looks: relaxed, as nobody else writes.

    static func entry(_ set: UnsafeMutableRawPointer, _ way: Int) -> Entry {
        unsafe Entry(word: value(set, way).pointee.load(ordering: .relaxed))
    }

    /// Where a key lies, with an entry, expired or not.
    static func occupiedWay(of key: UInt64, in set: UnsafeMutableRawPointer) -> Int? {
        (0..<ways).first { way in
            unsafe self.key(set, way).pointee.load(ordering: .relaxed) == key && !entry(set, way).isEmpty
        }
    }

    /// The place for a new entry: an empty one, else the one that expires or expired first.
    static func wayToUse(_ set: UnsafeMutableRawPointer) -> Int {
        var best = 0
        for way in 1..<ways where unsafe entry(set, way).expiryTick < entry(set, best).expiryTick { best = way }
        return best
    }
}
