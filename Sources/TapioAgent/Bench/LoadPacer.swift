/// Says how many events a generator with a rate owes: evenly, and never more at once than a millisecond brings.
///
/// A generator that was held up doesn't make up for what it missed, which would be a burst: the plan moves on by that much,
/// and says how much it was. Knows no clock and no events.
struct LoadPacer: Sendable, Hashable {
    /// Events each second.
    let perSecond: Int
    /// Time by which the plan was moved on, ns.
    private(set) var skippedNs: UInt64 = 0

    private var originNs: UInt64
    private var caused = 0

    /// Between two looks at what is owed, ns.
    static let tickNs: UInt64 = 200_000
    /// The most that is made up for, ns.
    static let mostBehindNs: UInt64 = 1_000_000

    /// A plan that begins at `startNs`.
    init(perSecond: Int, startNs: UInt64) {
        precondition(perSecond > 0)
        self.perSecond = perSecond
        originNs = startNs
    }

    /// How many events are owed at `nowNs`. They count as caused.
    mutating func owed(nowNs: UInt64) -> Int {
        guard nowNs > originNs else { return 0 }
        let most = max(1, events(in: Self.mostBehindNs))
        let behind = events(in: nowNs - originNs) - caused
        if behind > most {
            let skip = UInt64(Double(behind - most) * 1e9 / Double(perSecond))
            originNs += skip
            skippedNs += skip
        }
        let owed = min(behind, most)
        caused += max(0, owed)
        return max(0, owed)
    }

    /// When to look again.
    func nextNs(after nowNs: UInt64) -> UInt64 {
        guard nowNs >= originNs else { return originNs }
        return nowNs + Self.tickNs - (nowNs - originNs) % Self.tickNs
    }

    private func events(in nanoseconds: UInt64) -> Int {
        Int(Double(nanoseconds) * Double(perSecond) / 1e9)
    }
}
