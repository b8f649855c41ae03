/// What a generator process is told, on its command line.
public struct GeneratorOrder: Sendable, Hashable {
    /// What to do.
    public var load: BenchmarkLoad
    /// How often.
    public var count: Int
    /// The CPU to do it on; nil: any.
    public var cpu: Int?
    /// Emitted loads: the record to begin with, so that two generators never use the same.
    public var firstRecord = 0

    /// An order.
    public init(load: BenchmarkLoad, count: Int, cpu: Int? = nil, firstRecord: Int = 0) {
        self.load = load
        self.count = count
        self.cpu = cpu
        self.firstRecord = firstRecord
    }

    /// The descriptor under which a generator finds the program that emits.
    public static let programDescriptor: Int32 = 3

    /// As arguments of `tapio bench generate`.
    var arguments: [String] {
        var arguments = ["bench", "generate", load.name, "--count", "\(count)", "--first-record", "\(firstRecord)"]
        if let cpu { arguments += ["--cpu", "\(cpu)"] }
        return arguments
    }
}

/// What a generator process says at its end.
struct GeneratorReport: Sendable, Hashable, Codable {
    var pid: Int32
    /// How often it did what it was told.
    var count: Int
    /// Time for which it could not keep up with its rate, ns.
    var skippedNs: UInt64 = 0
    /// From the start signal to its end, ns.
    var elapsedNs: UInt64
    /// Its CPU time, that of its children included, ns.
    var cpuNs: UInt64
}
