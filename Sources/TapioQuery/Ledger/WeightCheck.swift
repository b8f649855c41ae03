import TapioEvents

/// Compares, for one kind over a run, what the rows' weights add up to with what the kernel counted.
///
/// On the exact side stands archived + aggregated + sampled out. Without sampling both are equal; else they differ by chance, in
/// units of the sampling's own standard error. Events that were kept by the sampling and lost later are on neither side, and
/// neither is what they stand for: with L of them the estimate may be too small by up to L times what the greatest weight
/// has above 1. While a kind is counted only, none is kept, and no weight stands for it.
struct WeightCheck {
    /// What came out.
    struct Outcome: Hashable {
        var severity: LedgerFinding.Severity
        var message: String
    }

    /// More standard errors than this are no chance: about once in 500 million.
    static let mostErrors = 6.0

    let weights: SampleWeights
    /// Archived and aggregated.
    let kept: Int64
    let sampledOut: Int64
    /// Lost in rings, readers and archive.
    let lost: Int64
    /// Whether none of the kind was kept for a time.
    let wasCountedOnly: Bool
    /// Whether the whole run is there, from its start row to its stop row.
    let isWhole: Bool

    /// The exact total.
    var total: Int64 { kept &+ sampledOut }

    /// nil where nothing was sampled and all is as it should be, or other checks have told why it is not.
    var outcome: Outcome? {
        guard weights.events == kept else { return nil }
        let difference = weights.sum - Double(total)
        if weights.sampledEvents == 0 {
            if sampledOut == 0 {
                // Sums of ones are exact.
                if difference == 0 { return nil }
                return outcome(.problem, "nothing was sampled, and the weights add up to \(estimate) of \(exact)")
            }
            return outcome(.note, "\(HumanUnits.count(sampledOut)) sampled out and none of their like kept: \(unsaid)")
        }
        let beyond = excess(of: difference)
        let error = weights.independentError(sampledOut: sampledOut)
        let errors = error > 0 ? difference / error : 0
        let figures = "\(exact) events, \(estimate) by weight, \(Self.signed(errors)) σ"
        if wasCountedOnly && beyond < 0 {
            return outcome(.note, "\(figures): some were counted only, and no row stands for them")
        }
        if beyond == 0 || abs(beyond) <= Self.mostErrors * error { return outcome(.ok, figures) }
        if abs(beyond) <= Self.mostErrors * weights.clusterError {
            return outcome(.note, "\(figures): chance only where whole processes are kept or left out")
        }
        return outcome(.problem, "\(figures): the weights are not the sampling's")
    }

    private var exact: String { HumanUnits.count(total) }
    private var estimate: String { HumanUnits.count(Int64(weights.sum.rounded())) }
    private var unsaid: String { "no weight to compare" }

    /// The part of a difference that losses and rounding don't explain.
    private func excess(of difference: Double) -> Double {
        let rounding = 1e-9 * Double(total)
        let unseen = Double(lost) * (weights.greatest - 1)
        if difference > 0 { return max(0, difference - rounding) }
        return min(0, difference + rounding + unseen)
    }

    private func outcome(_ severity: LedgerFinding.Severity, _ message: String) -> Outcome {
        if severity == .problem && !isWhole { return Outcome(severity: .note, message: message + " (part of a run)") }
        return Outcome(severity: severity, message: message)
    }

    private static func signed(_ value: Double) -> String {
        let rounded = (value * 10).rounded() / 10
        return (rounded > 0 ? "+" : rounded < 0 ? "-" : "") + HumanUnits.decimal(abs(rounded), decimals: 1)
    }
}
