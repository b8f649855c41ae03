import Glibc

/// How many events there were, from the weights of those that were kept: a sum that is right on average, and how far it may
/// be off.
///
/// A kept event weighs 1/p, where p is the probability with which it was kept (Horvitz and Thompson's estimator). Where each
/// event was drawn on its own, the sum's variance is estimated by the sum of w(w − 1), and the interval holds the true number
/// as often as it says. Where processes were drawn, events of one process are kept together and the sum varies more than this
/// tells.
///
///     var estimate = WeightedEstimate()
///     for row in rows { estimate.add(weight: row.weight) }
///     print(estimate.total, estimate.interval())
public struct WeightedEstimate: Sendable, Hashable {
    /// Events that were kept.
    public private(set) var kept: UInt64 = 0
    /// The estimated number of all events: the sum of weights.
    public private(set) var total = 0.0
    /// The estimated variance of ``total``.
    public private(set) var variance = 0.0
    private let weightInForce: Double?

    /// Standard errors to each side that hold 95 % of the normal distribution.
    public static let z95 = 1.959_963_985

    /// No event yet.
    ///
    /// - Parameter weightInForce: The weight that an event would have had, had one been kept: with it, to have seen none
    ///   bounds how many there can have been.
    public init(weightInForce: Double? = nil) {
        self.weightInForce = weightInForce
    }

    /// What was added up elsewhere.
    ///
    /// - Parameters:
    ///   - kept: Events that were kept.
    ///   - total: The sum of their weights.
    ///   - variance: The sum of w(w − 1).
    public init(kept: UInt64, total: Double, variance: Double) {
        self.kept = kept
        self.total = total
        self.variance = variance
        weightInForce = nil
    }

    /// Takes over an event that was kept.
    ///
    /// - Parameter weight: 1/p, at least 1.
    public mutating func add(weight: Double) {
        kept += 1
        total += weight
        variance += weight * (weight - 1)
    }

    /// The estimated standard deviation of ``total``; 0 where all was kept.
    public var standardError: Double { variance.squareRoot() }

    /// The numbers of events for which what was kept is no surprise: those within `z` of their own standard deviations
    /// (Wilson's way, which is right for few events as well, where ``standardError`` is not).
    ///
    /// - Parameter z: How many standard deviations to each side; ``z95`` for 95 %.
    public func interval(z: Double = z95) -> ClosedRange<Double> {
        // The variance of the sum is c times the true number: w − 1 for equal weights.
        let c = kept > 0 ? variance / total : max(0, (weightInForce ?? 1) - 1)
        let middle = total + z * z * c / 2
        let half = z * (c * total + z * z * c * c / 4).squareRoot()
        // What was kept has happened.
        let lower = min(total, max(Double(kept), middle - half))
        return lower...max(total, middle + half)
    }
}
