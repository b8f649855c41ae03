import TapioBPF

/// The two rings of each CPU: a flood in one cannot displace what is in the other.
public enum RingLane: Int, Sendable, CaseIterable {
    /// Critical and high priority.
    case urgent = 0
    /// Normal and low priority.
    case bulk = 1

    /// Where the CPU's ring of this lane stands in the outer map.
    func index(cpu: Int) -> Int {
        cpu * Int(TAPIO_LANES) + rawValue
    }
}
