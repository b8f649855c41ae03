/// How many slots a ring gets for the number that was asked for.
@usableFromInline
enum RingCapacity {
    /// More slots than any ring here can need: a guard against a size that was computed wrong.
    static let maximum = 1 << 30

    /// The next power of two, so that a position becomes a slot with one mask; at least 2, because with a single slot the
    /// sequence number of "filled" equals that of "free in the next lap".
    static func slots(for requested: Int) -> Int {
        precondition(requested >= 1 && requested <= maximum, "a ring needs 1 to 2^30 slots, not \(requested)")
        var slots = 2
        while slots < requested { slots *= 2 }
        return slots
    }
}
