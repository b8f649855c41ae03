import TapioEvents

/// What an aggregator knows of one group, beside its key and its histogram.
struct EventGroup {
    var hash: UInt64
    /// Events merged and not told yet. The first of a group is passed on, not merged.
    var merged: UInt64 = 0
    /// Times of the first and last of them, boot time, ns.
    var firstNs: Int64 = .max
    var lastNs: Int64 = .min
    /// Of the measure; the smallest is greater than the greatest while there is none.
    var smallest = UInt64.max
    var greatest: UInt64 = 0
    var sum: UInt64 = 0
    /// The first one's.
    var sequence: UInt64 = 0
    /// Keep probability of each of them.
    var keep: UInt32
    var enrichmentID = EnrichmentID.none
    var cpu: UInt16 = 0
    /// Whether something was merged since the eviction last came past.
    var isReferenced = false

    init(hash: UInt64, keep: UInt32) {
        self.hash = hash
        self.keep = keep
    }

    var hasMeasure: Bool { smallest <= greatest }

    /// Nothing merged, as after its first event; `keep` is that of the next ones.
    mutating func restart(keep: UInt32) {
        let wasReferenced = isReferenced
        self = EventGroup(hash: hash, keep: keep)
        isReferenced = wasReferenced
    }
}
