import TapioKernel

/// How much is kept of a kind, and in what form: the steps of the ladder, from the top down. A value, in force for an epoch.
public enum Rung: Sendable, Hashable {
    /// Every event is a row.
    case full
    /// An event is a row with this probability (0 < p < 1), drawn in the kernel, and weighs 1/p.
    case sampled(Double)
    /// An event gets as far as the reader with this probability (0 < p ≤ 1), which merges it into a summary row.
    case aggregated(Double)
    /// The kernel counts the events and keeps none.
    case countedOnly

    /// The probability with which the kernel keeps an event.
    public var probability: Double {
        switch self {
        case .full: 1
        case .sampled(let probability), .aggregated(let probability): probability
        case .countedOnly: 0
        }
    }

    /// Whether the reader merges what it gets.
    public var isAggregated: Bool {
        if case .aggregated = self { true } else { false }
    }

    /// full, sampled, aggregated or counted_only: the word of status, log and ledger.
    public var name: String {
        switch self {
        case .full: "full"
        case .sampled: "sampled"
        case .aggregated: "aggregated"
        case .countedOnly: "counted_only"
        }
    }

    /// 0 for full, 3 for counted only.
    public var depth: Int {
        switch self {
        case .full: 0
        case .sampled: 1
        case .aggregated: 2
        case .countedOnly: 3
        }
    }

    /// What the programs are told, as a fraction of `ControlPage.keepAll`. A probability above 0 keeps something.
    public var keepFraction: UInt32 {
        probability > 0 ? Self.fraction(probability) : 0
    }

    /// The nearest probability that the kernel can draw with: weights are the inverse of what it really used.
    static func drawable(_ probability: Double) -> Double {
        Double(fraction(probability)) / Double(ControlPage.keepAll)
    }

    private static func fraction(_ probability: Double) -> UInt32 {
        UInt32(max(1, min(1, probability) * Double(ControlPage.keepAll)).rounded())
    }
}
