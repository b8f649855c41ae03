/// How many threads drain the rings.
public enum ReaderPolicy: Sendable, Hashable {
    /// One for each NUMA node that has CPUs which the agent may use: memory stays on its node, and one is fast enough.
    case auto
    /// One for each CPU: the shortest delay, and the most threads that wake up.
    case perCPU
    /// So many, 1…1024; never more than there are CPUs.
    case count(Int)
}

extension ReaderPolicy {
    static let words = ["auto", "per-cpu"]
    static let counts = 1...1024

    var value: ConfigurationValue {
        switch self {
        case .auto: .word(Self.words[0])
        case .perCPU: .word(Self.words[1])
        case .count(let count): .integer(count)
        }
    }

    init?(_ value: ConfigurationValue) {
        switch value {
        case .word(Self.words[0]): self = .auto
        case .word(Self.words[1]): self = .perCPU
        case .integer(let count): self = .count(count)
        default: return nil
        }
    }
}
