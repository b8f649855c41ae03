/// Decides whether the agent is alive, from what its threads have done: what a watchdog is told rests on it.
///
/// A reader that no longer looks at its rings loses events for good, and only a new process helps. A disk that stalls is no
/// such reason: readers and actors go on, what waits is bounded, and a new process would lose it.
struct Heartbeat {
    /// How long a reader may take from one look at its rings to the next, nanoseconds.
    let limitNs: UInt64
    private var readers: [(passes: UInt64, sinceNs: UInt64)] = []

    init(limitNs: UInt64) {
        self.limitNs = limitNs
    }

    /// Takes how often each reader has looked at its rings, as of now.
    ///
    /// - Returns: whether each did so lately.
    mutating func isAlive(passes: [UInt64], nowNs: UInt64) -> Bool {
        if readers.count != passes.count { readers = passes.map { ($0, nowNs) } }
        for (index, count) in passes.enumerated() where count != readers[index].passes {
            readers[index] = (count, nowNs)
        }
        return readers.allSatisfy { nowNs &- $0.sinceNs <= limitNs }
    }
}
