import TapioRings

// How many threads drain the rings, as the configuration says it.
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

    /// Readers on a machine with so many CPUs and one NUMA node; `auto` has one more for each further node.
    func count(cpus: Int) -> Int {
        switch self {
        case .auto: 1
        case .perCPU: cpus
        case .count(let count): count
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
