import TapioEvents

/// Chooses which of the ladder's steps an operator is told of: a kind that comes to another rung, once in each direction in
/// ten seconds, and in the end where it stands. A pure value.
public struct RungLog: Sendable {
    private struct Kind {
        var told: Rung
        var current: Rung
        var cause: PressureCause
        var toldDownNs: UInt64?
        var toldUpNs: UInt64?
    }

    /// Between two messages of one direction about one kind.
    public static let pauseNs: UInt64 = 10_000_000_000

    private var kinds: [EventKind: Kind] = [:]

    /// Nothing to tell.
    public init() {}

    /// Takes note of a step.
    public mutating func note(_ change: OverflowLadder.Change) {
        var kind = kinds[change.kind] ?? Kind(told: change.from, current: change.from, cause: change.cause)
        kind.current = change.to
        kind.cause = change.cause
        kinds[change.kind] = kind
    }

    /// What is to be told now, by kind; each is told once. Costs nothing while there is nothing to tell.
    public mutating func due(nowNs: UInt64) -> [OverflowLadder.Change] {
        guard !kinds.isEmpty else { return [] }
        var due: [OverflowLadder.Change] = []
        for (number, kind) in kinds.sorted(by: { $0.key < $1.key }) where kind.told.depth != kind.current.depth {
            let isDown = kind.current.depth > kind.told.depth
            let lastNs = isDown ? kind.toldDownNs : kind.toldUpNs
            if let lastNs, nowNs < lastNs + Self.pauseNs { continue }
            due.append(OverflowLadder.Change(kind: number, from: kind.told, to: kind.current, cause: kind.cause))
            kinds[number]!.told = kind.current
            if isDown { kinds[number]!.toldDownNs = nowNs } else { kinds[number]!.toldUpNs = nowNs }
        }
        return due
    }
}
