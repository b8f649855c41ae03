/// What the configuration allows the agent to hold, in bytes: every queue is bounded, and this is the sum.
struct MemoryBudget: Equatable {
    /// Ring buffers of all CPUs, in kernel memory, charged to the agent's control group.
    let rings: Int64
    /// Batches that wait, are filled (one for each lane) or encoded (one for each encoder).
    let batches: Int64
    /// What the encoders keep: columns, dictionaries and pages of a batch, about as much as the batch itself.
    let encoders: Int64

    init(_ configuration: AgentConfiguration, cpus: Int) {
        let encoderCount = configuration.encoders ?? MemoryBudget.automaticEncoders
        rings = Int64(cpus) * Int64(configuration.rings.urgentBytes + configuration.rings.bulkBytes)
        batches = Int64(configuration.queue.maxBatches + 2 + encoderCount) * Int64(configuration.batch.maxBytes)
        encoders = Int64(encoderCount) * Int64(configuration.batch.maxBytes)
    }

    var total: Int64 { rings + batches + encoders }

    /// As many as the agent starts with `encoders: auto`.
    static let automaticEncoders = 1
}
