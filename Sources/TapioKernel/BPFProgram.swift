/// A program of an object, as its file declares it.
public struct BPFProgram: Sendable, Equatable {
    /// The C function's name.
    public let name: String
    /// The section, which says where it attaches: "tp_btf/sched_process_exec".
    public let section: String

    /// Whether nothing triggers it but user space itself (``BPFObject/runnable(_:)``).
    public var isRunOnDemand: Bool { section == "syscall" }

    /// Whether its section says where it attaches: at a tracepoint, or as an iterator. One that user space runs attaches
    /// nowhere, and all others to what ``BPFObject`` is told.
    public var attachesBySection: Bool {
        tracepoint != nil || section.hasPrefix("iter/") || section.hasPrefix("iter.s/")
    }

    /// The tracepoint that it needs; nil where it needs none (iterators).
    public var tracepoint: Tracepoint? {
        let parts = section.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        switch (parts.first, parts.count) {
        case ("tp_btf", 2), ("raw_tp", 2), ("raw_tracepoint", 2): return Tracepoint(category: nil, event: parts[1])
        case ("tp", 3), ("tracepoint", 3): return Tracepoint(category: parts[1], event: parts[2])
        default: return nil
        }
    }
}

/// What the kernel counts about a loaded program.
public struct ProgramStatistics: Sendable, Equatable {
    /// The C function's name.
    public let name: String
    /// Whether it is attached now.
    public let isAttached: Bool
    /// How often it ran; 0 unless `kernel.bpf_stats_enabled` is set.
    public let runCount: UInt64
    /// How long it ran in all, nanoseconds; 0 unless `kernel.bpf_stats_enabled` is set.
    public let runTimeNs: UInt64
    /// How often the kernel did not run it since it was already running on that CPU: events that no counter saw.
    public let recursionMisses: UInt64
    /// Whether a program `<name>_nested` of the same object sees what this one could not run for; what both miss, the
    /// other counts.
    public let hasStandIn: Bool
    /// Instructions that the verifier walked.
    public let verifiedInstructions: Int
}
