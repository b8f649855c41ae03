/// Keeps the items with the greatest scores. Adding what is too small costs a comparison.
struct Greatest<Item: Sendable>: Sendable {
    private let capacity: Int
    private var kept: [(score: Double, item: Item)] = []
    private var floor = -Double.infinity
    /// How many were offered.
    private(set) var total = 0

    /// - Precondition: `capacity` is at least 1.
    init(capacity: Int) {
        precondition(capacity >= 1)
        self.capacity = capacity
    }

    /// Offers an item, which is made only where it is kept.
    mutating func offer(_ score: Double, _ item: @autoclosure () -> Item) {
        total += 1
        guard score > floor else { return }
        kept.append((score, item()))
        if kept.count >= 2 * capacity { shrink() }
    }

    /// The greatest first.
    var items: [Item] { kept.sorted { $0.score > $1.score }.prefix(capacity).map(\.item) }

    private mutating func shrink() {
        kept.sort { $0.score > $1.score }
        kept.removeSubrange(capacity...)
        floor = kept[capacity - 1].score
    }
}
