import TapioBPF

/// Who draws the lot for events of a kind that are not all kept. Either way a kept event's weight is the inverse of the
/// probability, and sums of weights are unbiased.
public enum SamplingMode: String, Sendable, Hashable, Codable, CaseIterable {
    /// Each event on its own: the most precise sums.
    case independent
    /// Each process once, by a hash of its pid and start time: a kept process is kept whole, so that its history has no
    /// holes; sums vary more, since a busy process counts as one draw.
    case process

    /// The number that programs read, `TAPIO_SAMPLE_…`.
    var number: UInt32 {
        switch self {
        case .independent: UInt32(TAPIO_SAMPLE_INDEPENDENT)
        case .process: UInt32(TAPIO_SAMPLE_PER_PROCESS)
        }
    }
}
