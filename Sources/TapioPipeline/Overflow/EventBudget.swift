import Glibc

/// How many events a second can be carried, learnt from pressure: cut at once where there is any, raised step by step where
/// there is none. A pure value.
///
/// A level that was too much is remembered: the budget comes close to it quickly and then waits before it tries again, so that
/// a steady overload makes few changes.
struct EventBudget: Sendable, Hashable {
    /// Events a second; nil: no limit.
    private(set) var limit: Double?
    /// What got through when pressure last arose.
    private var tooMuch = Double.infinity
    private var cutNs: UInt64 = 0

    /// Cuts to a part of `flow` events a second, which were too much; but at once to no less than a part of what was let
    /// through, `demand` where all was: a flow that was small, since a burst found the reader asleep, says little.
    mutating func cut(flow: Double, demand: Double, nowNs: UInt64) {
        let before = limit ?? demand
        let carried = min(before, max(flow, before * OverflowPolicy.deepestCut))
        tooMuch = carried
        limit = carried * OverflowPolicy.cut
        cutNs = nowNs
    }

    /// Raises by one step.
    ///
    /// - Parameters:
    ///   - factor: The most by which it is raised.
    ///   - demand: Events a second that want to pass.
    ///   - least: What it becomes at least.
    ///   - othersNs: What others need after it until all is as it was.
    mutating func raise(by factor: Double, demand: Double, least: Double, othersNs: UInt64 = 0, nowNs: UInt64) {
        guard let old = limit else { return }
        var next = old * factor
        if nowNs < cutNs + hold(demand: demand, from: max(old, least), by: factor, othersNs: othersNs) {
            next = min(next, tooMuch * OverflowPolicy.safePart)
        } else if old < tooMuch {
            // Beyond what was too much, by a small step first.
            next = min(next, tooMuch * OverflowPolicy.raise)
        }
        next = max(next, least, old)
        limit = next > OverflowPolicy.unlimited ? nil : next
    }

    /// How long to wait after a cut, so that all is carried again in time if the pressure is over.
    private func hold(demand: Double, from level: Double, by factor: Double, othersNs: UInt64) -> UInt64 {
        guard level > 0, demand > level else { return 0 }
        let steps = UInt64((log(demand / level) / log(max(factor, OverflowPolicy.raise))).rounded(.up)) + 1
        let needed = steps * OverflowPolicy.raiseEveryNs + othersNs
        let left = needed < OverflowPolicy.recoveryNs ? OverflowPolicy.recoveryNs - needed : 0
        return min(left, OverflowPolicy.longestHoldNs)
    }

    /// What a budget that begins anew needs until it is as large as any demand, nanoseconds.
    static var wholeRecoveryNs: UInt64 {
        let steps = (log(1 / OverflowPolicy.firstPart) / log(OverflowPolicy.raise)).rounded(.up) + 1
        return UInt64(steps) * OverflowPolicy.raiseEveryNs
    }
}
