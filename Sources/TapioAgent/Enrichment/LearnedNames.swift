import TapioEvents

/// What answers said: which name an address has in a network namespace, since when and for how long. Decides alone; who holds it
/// tells readers.
struct LearnedNames {
    /// A name of an address.
    struct Fact {
        var name: String
        /// Who asked.
        var networkNamespace: UInt32
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
    /// Facts of each network namespace.
    private var shares: [UInt32: Int] = [:]
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
    ///
    /// - Parameter key: Of the address and the network namespace.
    mutating func learn(
        _ name: String,
        for key: UInt64,
        in namespace: UInt32,
        atNs: Int64,
        lifeNs: Int64,
        nowNs: UInt64
    ) -> Fact? {
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
        if old == nil {
            if facts.count >= capacity { makeRoom(atNs, nowNs) }
            shares[namespace, default: 0] += 1
        }
        let fact = Fact(
            name: name,
            networkNamespace: namespace,
            number: number,
            sinceNs: atNs,
            untilNs: end,
            lastNs: atNs
        )
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

    /// Forgets what is over; where nothing is, a quarter of the names of the network namespace that has the most, those first
    /// that will be over first: so nobody's answers push out the names of others that have fewer. O(n log n), once for many
    /// names.
    private mutating func makeRoom(_ atNs: Int64, _ nowNs: UInt64) {
        let over = facts.filter { $0.value.untilNs <= atNs }.keys
        for key in over { forget(key, nowNs) }
        guard over.isEmpty, let greatest = shares.max(by: { $0.value < $1.value }) else { return }
        let itsOwn = facts.filter { $0.value.networkNamespace == greatest.key }
        let ends = itsOwn.sorted { $0.value.untilNs < $1.value.untilNs }
        for end in ends.prefix(max(1, ends.count / 4)) {
            evictions += 1
            forget(end.key, nowNs)
        }
    }

    private mutating func forget(_ key: UInt64, _ nowNs: UInt64) {
        guard let fact = facts.removeValue(forKey: key) else { return }
        forgotten.append(key)
        numbers.giveUp(fact.number, nowNs: nowNs)
        let share = shares[fact.networkNamespace, default: 1] - 1
        shares[fact.networkNamespace] = share > 0 ? share : nil
    }
}
