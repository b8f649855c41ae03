public import TapioEvents

/// Sums up the ladder's steps for the ledger: at most one row for each kind and ledger interval, however often its
/// probability changed. A pure value.
public struct SamplingJournal: Sendable {
    private struct Episode {
        let fromNs: Int64
        let first: Rung
        var lowest: Rung
        /// Why it went as low as that.
        var cause: PressureCause
        var last: Rung
        var epochs = 0
    }

    private var episodes: [EventKind: Episode] = [:]

    /// An empty journal.
    public init() {}

    /// Takes note of a step.
    ///
    /// - Parameter atNs: Boot time.
    public mutating func note(_ change: OverflowLadder.Change, atNs: Int64) {
        var episode =
            episodes[change.kind]
            ?? Episode(fromNs: atNs, first: change.from, lowest: change.from, cause: change.cause, last: change.from)
        episode.epochs += 1
        episode.last = change.to
        if change.to.isBelow(episode.lowest) {
            episode.lowest = change.to
            episode.cause = change.cause
        }
        episodes[change.kind] = episode
    }

    /// The rows since the last call, by kind.
    public mutating func takeRows(nowNs: Int64, registry: SchemaRegistry) -> [LedgerRow] {
        defer { episodes.removeAll() }
        return episodes.sorted { $0.key < $1.key }.map { kind, episode in
            var row = LedgerRow(.sampling, fromNs: episode.fromNs, toNs: nowNs)
            row.kind = kind
            if let schema = registry.schema(of: kind) {
                row.priority = schema.priority
                row.collector = schema.collector
            }
            row.stage = "kernel"
            row.reason = episode.cause.rawValue
            let lowest = episode.lowest == episode.last ? "" : ", lowest \(episode.lowest.text)"
            row.note = "\(episode.first.text) -> \(episode.last.text)\(lowest), \(episode.epochs) epochs"
            return row
        }
    }
}

extension Rung {
    /// Whether it keeps less than `other`.
    func isBelow(_ other: Rung) -> Bool {
        depth != other.depth ? depth > other.depth : probability < other.probability
    }

    /// `sampled 0.25`: its name and probability, to three significant digits.
    public var text: String {
        switch self {
        case .full, .countedOnly: name
        case .sampled(let probability), .aggregated(let probability): "\(name) \(Self.digits(probability))"
        }
    }

    private static func digits(_ probability: Double) -> String {
        var decimals = 2
        var limit = 0.1
        while probability < limit, decimals < 9 {
            decimals += 1
            limit /= 10
        }
        return HumanUnits.decimal(probability, decimals: decimals)
    }
}
