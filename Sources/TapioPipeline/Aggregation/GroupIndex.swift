/// Finds groups by hash: open addressing with linear probing, at most half full.
///
/// Invariant of the unsafe code: `places` has `mask + 1` elements, a power of two; each is 0 or 1 + the number of a group.
@safe
struct GroupIndex {
    private let places: UnsafeMutablePointer<UInt32>
    private let mask: Int

    /// An empty index for up to `groups` groups. Ends with ``deallocate()``.
    init(groups: Int) {
        var capacity = 4
        while capacity < 2 * groups { capacity *= 2 }
        mask = capacity - 1
        unsafe places = .allocate(capacity: capacity)
        unsafe places.initialize(repeating: 0, count: capacity)
    }

    /// Gives the memory back.
    func deallocate() { unsafe places.deallocate() }

    /// The group of that hash for which `matches` holds.
    @inline(__always)
    func find(_ hash: UInt64, _ matches: (Int) -> Bool) -> Int? {
        var place = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = unsafe places[place]
            if entry == 0 { return nil }
            if matches(Int(entry) - 1) { return Int(entry) - 1 }
            place = (place + 1) & mask
        }
    }

    /// Adds a group that is not in it.
    func insert(_ group: Int, hash: UInt64) {
        var place = Int(truncatingIfNeeded: hash) & mask
        while unsafe places[place] != 0 { place = (place + 1) & mask }
        unsafe places[place] = UInt32(truncatingIfNeeded: group + 1)
    }

    /// Removes a group. Those behind it move up, so that no place has to be marked as once used.
    ///
    /// - Parameter hashOf: The hash of a group that is in it.
    func remove(_ group: Int, hash: UInt64, _ hashOf: (Int) -> UInt64) {
        var hole = Int(truncatingIfNeeded: hash) & mask
        while unsafe places[hole] != UInt32(truncatingIfNeeded: group + 1) { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while unsafe places[next] != 0 {
            let home = unsafe Int(truncatingIfNeeded: hashOf(Int(places[next]) - 1)) & mask
            // It may move if its home is not behind the hole.
            if (next &- home) & mask >= (next &- hole) & mask {
                unsafe places[hole] = unsafe places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe places[hole] = 0
    }
}
