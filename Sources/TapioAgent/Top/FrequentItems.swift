import TapioEvents

/// Finds the keys with the greatest sums of a stream in bounded memory.
///
/// Misra and Gries' summary for weighted streams, as Anderson et al. 2017 purge it ("A High-Performance Algorithm for
/// Identifying Frequent Items in Data Streams"): where there is no room for one more key, the median of all sums is taken off each,
/// and what has none left goes. A sum is therefore never too great, and too small by ``error`` at most; a key that is not there has
/// no more than that. Adding costs a look-up, and now and then a sort of `capacity` numbers for at least half as many new keys.
struct FrequentItems<Key: Hashable & Sendable>: Sendable {
    /// A key's sum, and what came with it.
    struct Item: Sendable {
        var sum: Double
        var note: EnrichmentID
    }

    /// Keys that are told apart at a time.
    let capacity: Int
    /// By key.
    private(set) var items: [Key: Item] = [:]
    /// The most by which any sum is too small; 0 while no more than `capacity` keys came.
    private(set) var error = 0.0

    /// Nothing yet.
    ///
    /// - Precondition: `capacity` is at least 2.
    init(capacity: Int) {
        precondition(capacity >= 2)
        self.capacity = capacity
        items.reserveCapacity(capacity)
    }

    /// Adds a weight, which is not negative, to a key's sum.
    ///
    /// - Parameter note: What is to be remembered with the key, of what was before and what comes.
    mutating func add(
        _ key: Key,
        _ weight: Double,
        _ note: EnrichmentID = .none,
        merging: (EnrichmentID, EnrichmentID) -> EnrichmentID = { $1 }
    ) {
        if let index = items.index(forKey: key) {
            items.values[index].sum += weight
            items.values[index].note = merging(items.values[index].note, note)
            return
        }
        if items.count >= capacity { purge() }
        items[key] = Item(sum: weight, note: note)
    }

    private mutating func purge() {
        let sums = items.values.map(\.sum).sorted()
        let median = sums[sums.count / 2]
        error += median
        let left = items.filter { $0.value.sum > median }
        items = left.mapValues { Item(sum: $0.sum - median, note: $0.note) }
    }
}
