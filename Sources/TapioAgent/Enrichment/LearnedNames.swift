import TapioEvents

/// What answers said: which name an address has in a network namespace, since when and for how long. Decides alone; who holds it
/// tells readers.
struct LearnedNames {
    /// A name of an address.
    struct Fact {
        var name: String
        /// Its number in ``TextNumbers``.
        var number: UInt16
        /// Boot times, ns: the first of the answers that follow one another, and when the last one's time to live is over.
        var sinceNs: Int64
        var untilNs: Int64
        /// The last answer.
        var lastNs: Int64
    }

    /// Addresses whose names are kept.
    let capacity: Int
    /// By key.
    private(set) var facts: [UInt64: Fact] = [:]
    /// Numbers of names.
    private(set) var numbers: TextNumbers
    /// Keys whose facts made room for others: readers must not find their numbers any more.
    private var forgotten: [UInt64] = []
    /// Facts that made room for others before their time.
    private(set) var evictions: UInt64 = 0

    /// ``Fact/sinceNs`` is never longer ago, so that readers can compare it in 32 bits.
    private static let longestNs: Int64 = 30 * 86_400 * 1_000_000_000

    init(capacity: Int, numbers: TextNumbers = TextNumbers()) {
        self.capacity = capacity
        self.numbers = numbers
    }

    /// Takes over what an answer said of an address. Gives the fact; nil where there is no number for the name, or the answer is
    /// older than what is known.
    mutating func learn(_ name: String, for key: UInt64, atNs: Int64, lifeNs: Int64, nowNs: UInt64) -> Fact? {
        let old = facts[key]
        if let old, atNs < old.lastNs { return nil }
        let end = atNs &+ lifeNs
        if var fact = old, fact.name == name {
            fact.sinceNs = atNs <= fact.untilNs ? max(fact.sinceNs, atNs - Self.longestNs) : atNs
            fact.untilNs = max(fact.untilNs, end)
            fact.lastNs = atNs
            facts[key] = fact
            return fact
        }
        guard let number = numbers.take(name, nowNs: nowNs) else { return nil }
        if let old { numbers.giveUp(old.number, nowNs: nowNs) }
        if old == nil && facts.count >= capacity { makeRoom(atNs, nowNs) }
        let fact = Fact(name: name, number: number, sinceNs: atNs, untilNs: end, lastNs: atNs)
        facts[key] = fact
        return fact
    }

    /// The keys that were forgotten since the last time.
    mutating func takeForgotten() -> [UInt64] {
        defer { forgotten = [] }
        return forgotten
    }

    /// What is known of a key and still counts.
    func fact(_ key: UInt64, atNs: Int64) -> Fact? { facts[key].flatMap { $0.untilNs > atNs ? $0 : nil } }

    /// Forgets what is over; where that is less than a quarter, also what will be over first. O(n log n), for a quarter of the
    /// capacity at a time.
    private mutating func makeRoom(_ atNs: Int64, _ nowNs: UInt64) {
        let ends = facts.sorted { $0.value.untilNs < $1.value.untilNs }
        let least = max(1, capacity / 4)
        for (place, end) in ends.enumerated() {
            let isOver = end.value.untilNs <= atNs
            guard isOver || place < least else { break }
            if !isOver { evictions += 1 }
            facts[end.key] = nil
            forgotten.append(end.key)
            numbers.giveUp(end.value.number, nowNs: nowNs)
        }
    }
}
