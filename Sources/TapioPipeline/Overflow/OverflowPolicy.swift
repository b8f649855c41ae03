/// What the ladder promises, as numbers. Fractions are of the bound that fills up; times are nanoseconds.
public struct OverflowPolicy: Sendable, Hashable {
    /// Whether the ladder reacts at all; else only the operator's probabilities hold.
    public var isAutomatic = true
    /// Pressure above which less is kept.
    public var high = 0.5
    /// Pressure below which more is kept again; less than ``high``.
    public var low = 0.2
    /// An export backlog that is this old counts as high, however small it is.
    public var staleExportNs: UInt64 = 2_000_000_000

    /// What is kept of what got through, where that was too much.
    static let cut = 0.7
    /// The least cut, where what leaves shows that much less can be carried.
    static let deepestCut = 0.25
    /// After a cut its effect is awaited: what is in the rings still, or batches on their way.
    static let ringSettleNs: UInt64 = 75_000_000
    static let backlogSettleNs: UInt64 = 200_000_000
    /// Less fill than before by this is an effect: no further cut.
    static let drained = 0.005
    /// More is kept at most this often …
    static let raiseEveryNs: UInt64 = 250_000_000
    /// … by at most this factor …
    static let raise = 1.5
    /// … for the kinds of high priority by more, as they return first …
    static let urgentRaise = 4.0
    /// … and after as long between the two marks by this much, so that pressure in between is no lasting state.
    static let creepAfterNs: UInt64 = 2_000_000_000
    static let creep = 1.1
    /// Up to this part of what was last too much it is raised without delay; then it waits, for as long as the promise to
    /// be back at all within five seconds allows, and at most so long.
    static let safePart = 0.85
    static let longestHoldNs: UInt64 = 3_000_000_000
    static let recoveryNs: UInt64 = 4_500_000_000
    /// Of a demand of which nothing is kept, this part comes first.
    static let firstPart = 1.0 / 128
    /// A budget above this is none.
    static let unlimited = 1e10

    /// Below this share a kind is aggregated where it can be …
    static let aggregateBelow = 1.0 / 32
    /// … at which an event costs so much of a row …
    static let aggregatedCost = 1.0 / 8
    /// … and below this probability counted only.
    static let leastKept = 1.0 / 1024
    /// Of a kind of high priority at least this is always kept.
    static let leastUrgent = 1.0 / 64
    /// A step up to another rung needs this much more than the step down took.
    static let rungHysteresis = 1.5
    /// Smaller changes of a probability are not worth an epoch.
    static let deadBand = 0.1
    /// More than the budget by this is answered at once, without waiting for pressure.
    static let surge = 1.25
    /// Demand is believed at once where it rises; where it falls, each tick takes off this part of the difference.
    static let demandDecay = 0.3

    /// The defaults.
    public init() {}
}
