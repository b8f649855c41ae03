import Synchronization
public import TapioEvents

/// Which kinds the readers merge into summary rows, at this time. The controller writes, readers look: no locks.
public final class RungTable: Sendable {
    // 64 kinds to a word. Relaxed: a reader that sees a change a moment later treats some records as before.
    private let first = Atomic<UInt64>(0)
    private let second = Atomic<UInt64>(0)
    private let third = Atomic<UInt64>(0)
    private let fourth = Atomic<UInt64>(0)

    /// No kind is aggregated.
    public init() {}

    /// Whether events of a kind are to be merged. A load and a shift; any thread.
    @inline(__always)
    public func isAggregated(_ kind: EventKind) -> Bool {
        word(kind) >> UInt64(kind.rawValue & 63) & 1 != 0
    }

    /// Says whether events of a kind are to be merged from now on.
    public func setAggregated(_ isAggregated: Bool, _ kind: EventKind) {
        let bit = UInt64(1) << UInt64(kind.rawValue & 63)
        switch kind.rawValue >> 6 {
        case 0: change(first, bit, isAggregated)
        case 1: change(second, bit, isAggregated)
        case 2: change(third, bit, isAggregated)
        default: change(fourth, bit, isAggregated)
        }
    }

    private func word(_ kind: EventKind) -> UInt64 {
        switch kind.rawValue >> 6 {
        case 0: first.load(ordering: .relaxed)
        case 1: second.load(ordering: .relaxed)
        case 2: third.load(ordering: .relaxed)
        default: fourth.load(ordering: .relaxed)
        }
    }

    private func change(_ word: borrowing Atomic<UInt64>, _ bit: UInt64, _ isSet: Bool) {
        if isSet { word.bitwiseOr(bit, ordering: .relaxed) } else { word.bitwiseAnd(~bit, ordering: .relaxed) }
    }
}
