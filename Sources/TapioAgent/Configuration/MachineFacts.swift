import TapioRings

/// What this machine has, as far as a configuration has to fit it. What is not known is not checked.
public struct MachineFacts: Sendable, Hashable {
    /// CPUs that are online: each has its rings. Empty where that is not known.
    public var onlineCPUs: [Int]
    /// Those of them that the agent may run on, by affinity and cpuset. Empty where that is not known.
    public var allowedCPUs: [Int]
    /// Bytes of memory; nil where that is not known.
    public var memoryBytes: Int64?
    /// Bytes that the agent's control groups allow; nil for no limit.
    public var memoryLimitBytes: Int64?

    /// Facts as given.
    public init(onlineCPUs: [Int], allowedCPUs: [Int], memoryBytes: Int64?, memoryLimitBytes: Int64?) {
        self.onlineCPUs = onlineCPUs
        self.allowedCPUs = allowedCPUs
        self.memoryBytes = memoryBytes
        self.memoryLimitBytes = memoryLimitBytes
    }

    /// This machine at this moment; CPUs and limits can change while the agent runs.
    @Sendable
    public static func current() -> MachineFacts {
        let topology = try? CPUTopology.current()
        let system = SystemView.real
        return MachineFacts(
            onlineCPUs: topology?.online ?? [],
            allowedCPUs: topology?.allowed ?? [],
            memoryBytes: system.memoryBytes,
            memoryLimitBytes: system.memoryLimitBytes
        )
    }
}
