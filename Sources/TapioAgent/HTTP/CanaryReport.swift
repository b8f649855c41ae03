/// What became of the canaries.
struct CanaryReport: Sendable {
    /// Of one collector's.
    enum Proof: Sendable, Hashable {
        /// It was seen: as which kind, and how long after it was sent, nanoseconds.
        case seen(kind: String, afterNs: UInt64)
        /// It was not seen.
        case missed(String)
        /// There was none, or not seeing it proves nothing: why.
        case unproven(String)
    }

    /// By collector; only those that ran.
    var proofs: [String: Proof] = [:]

    /// Whether none was missed.
    var isProven: Bool {
        !proofs.values.contains { if case .missed = $0 { true } else { false } }
    }
}
