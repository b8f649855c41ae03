import TapioBPF

/// What became of the events that a probe decided about, in the kernel. Never reset: take differences.
public struct KernelCounts: Sendable, Equatable {
    /// All events that a probe saw.
    public var attempted: UInt64 = 0
    /// Turned away by a program's own filter.
    public var filtered: UInt64 = 0
    /// Not kept by the keep probability in force.
    public var sampledOut: UInt64 = 0
    /// The part of them at a probability of 0: no kept event stands for these.
    public var countedOnly: UInt64 = 0
    /// Lost, since the ring (or the program's own memory) had no room.
    public var ringFull: UInt64 = 0
    /// Handed to user space through a ring.
    public var submitted: UInt64 = 0
    /// The part of ``attempted`` that went into windows of the programs' own, to be submitted when those end.
    public var merged: UInt64 = 0
    /// The part of ``submitted`` that came out of them.
    public var told: UInt64 = 0

    /// All zero.
    public init() {}

    /// Attempted, but without an outcome yet: in programs that ran while the counters were read, and in their windows.
    public var undecided: UInt64 {
        attempted &- filtered &- sampledOut &- ringFull &- submitted
    }

    /// Those of ``attempted`` that ask for a place in a ring, one each.
    public var wanted: UInt64 { attempted &- filtered &- merged }

    /// Records that were submitted for one event each.
    public var submittedSingly: UInt64 { submitted &- told }

    /// Sums.
    public static func + (a: Self, b: Self) -> Self {
        a.combined(with: b, &+)
    }

    /// What happened from `b` to `a`.
    public static func - (a: Self, b: Self) -> Self {
        a.combined(with: b, &-)
    }

    private func combined(with other: Self, _ operation: (UInt64, UInt64) -> UInt64) -> Self {
        var result = Self()
        result.attempted = operation(attempted, other.attempted)
        result.filtered = operation(filtered, other.filtered)
        result.sampledOut = operation(sampledOut, other.sampledOut)
        result.countedOnly = operation(countedOnly, other.countedOnly)
        result.ringFull = operation(ringFull, other.ringFull)
        result.submitted = operation(submitted, other.submitted)
        result.merged = operation(merged, other.merged)
        result.told = operation(told, other.told)
        return result
    }
}

/// All counters of one look-up: by CPU and kind. The outcomes were read before the attempts, so that `undecided` is
/// never negative.
public struct CounterSnapshot: Sendable {
    /// Number of CPUs that the kernel may ever have; those that are offline count nothing.
    public let cpuCount: Int
    private let words: [UInt64]

    static let wordsPerCPU = (MemoryLayout<tapio_cpu_state>.size + 7) / 8
    private static let firstCount = Int(TAPIO_LANES)

    /// Takes the per-CPU values of one look-up: `wordsPerCPU` words for each CPU.
    init(words: [UInt64]) {
        self.words = words
        cpuCount = words.count / Self.wordsPerCPU
    }

    /// Counts of a kind on one CPU; zero for CPUs that do not exist.
    public func counts(kind: UInt8, cpu: Int) -> KernelCounts {
        var counts = KernelCounts()
        guard cpu >= 0, cpu < cpuCount else { return counts }
        let base = cpu * Self.wordsPerCPU + Self.firstCount + Int(kind) * Int(TAPIO_COUNTS)
        counts.attempted = words[base + Int(TAPIO_COUNT_ATTEMPTED)]
        counts.filtered = words[base + Int(TAPIO_COUNT_FILTERED)]
        counts.sampledOut = words[base + Int(TAPIO_COUNT_SAMPLED_OUT)]
        counts.countedOnly = words[base + Int(TAPIO_COUNT_COUNTED_ONLY)]
        counts.ringFull = words[base + Int(TAPIO_COUNT_RING_FULL)]
        counts.submitted = words[base + Int(TAPIO_COUNT_SUBMITTED)]
        counts.merged = words[base + Int(TAPIO_COUNT_MERGED)]
        counts.told = words[base + Int(TAPIO_COUNT_TOLD)]
        return counts
    }

    /// Counts of a kind on all CPUs.
    public func counts(kind: UInt8) -> KernelCounts {
        (0..<cpuCount).reduce(KernelCounts()) { $0 + counts(kind: kind, cpu: $1) }
    }

    /// How many records were submitted to a CPU's lane: the sequence number that its next record gets.
    public func nextSequence(cpu: Int, lane: RingLane) -> UInt64 {
        guard cpu >= 0, cpu < cpuCount else { return 0 }
        return words[cpu * Self.wordsPerCPU + lane.rawValue]
    }
}
