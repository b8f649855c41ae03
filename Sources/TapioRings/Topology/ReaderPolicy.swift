/// How many threads read the rings.
public enum ReaderPolicy: Sendable, Hashable {
    /// One for each NUMA node: no memory of another node is touched, and no more threads than that.
    case auto
    /// One for each online CPU: most throughput, and each of them costs its wake-ups.
    case perCPU
    /// So many: 1 to the number of online CPUs.
    case count(Int)
}
