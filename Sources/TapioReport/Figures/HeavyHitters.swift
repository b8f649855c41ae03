/// Finds the keys with the greatest scores of a stream in bounded memory, with what was added up beside the scores.
///
/// Misra and Gries' summary for weighted streams, as Anderson et al. 2017 purge it: where there is no room for one more key,
/// the median of all scores is taken off each, and what has none left goes. A score is never too great, and too small by
/// ``error`` at most. The other sums are those since the key came in last.
struct HeavyHitters<Key: Hashable & Sendable>: Sendable {
    /// A key's sums.
    struct Item: Sendable {
        var score: Double
        var sums: SIMD8<Double>
        var longest: Double
    }

    /// Keys that are told apart at a time.
    let capacity: Int
    /// By key.
    private(set) var items: [Key: Item] = [:]
    /// The most by which a score is too small; 0 while no more than `capacity` keys came.
    private(set) var error = 0.0

    /// - Precondition: `capacity` is at least 2.
    init(capacity: Int) {
        precondition(capacity >= 2)
        self.capacity = capacity
    }

    /// Adds to a key's sums. A score of 0 or less adds nothing.
    mutating func add(_ key: Key, score: Double, sums: SIMD8<Double> = .zero, longest: Double = 0) {
        guard score > 0 else { return }
        if let index = items.index(forKey: key) {
            items.values[index].score += score
            items.values[index].sums += sums
            items.values[index].longest = max(items.values[index].longest, longest)
            return
        }
        if items.count >= capacity { purge() }
        items[key] = Item(score: score, sums: sums, longest: longest)
    }

    /// The greatest, in order; those of one score in the order that `name` gives them.
    func greatest(_ count: Int, name: (Key) -> String) -> [(key: Key, item: Item)] {
        var all = items.map { (key: $0.key, item: $0.value) }
        if all.count > count * 8 {
            // Names are made for few only.
            let threshold = all.map(\.item.score).sorted(by: >)[count - 1]
            all.removeAll { $0.item.score < threshold }
        }
        let named = all.map { ($0, name($0.key)) }
        let sorted = named.sorted { ($1.0.item.score, $0.1) < ($0.0.item.score, $1.1) }
        return sorted.prefix(count).map(\.0)
    }

    private mutating func purge() {
        let scores = items.values.map(\.score).sorted()
        let median = scores[scores.count / 2]
        error += median
        var left: [Key: Item] = [:]
        left.reserveCapacity(capacity)
        for (key, item) in items where item.score > median {
            var item = item
            item.score -= median
            left[key] = item
        }
        items = left
    }
}
