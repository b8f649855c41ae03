import Glibc
import Synchronization
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioRings

/// Measures the way from a program to the reader alone: small records through the bulk rings of some CPUs, taken out and
/// checked by one thread as the agent's reader does it, and then dropped.
public struct RingBenchmark: Sendable {
    /// How to measure.
    public struct Options: Sendable {
        /// Records in all.
        public var records = 20_000_000
        /// The CPUs on which a generator runs; nil: all.
        public var cpus: [Int]?
        /// The CPU of the thread that reads; nil: any.
        public var readerCPU: Int?
        /// Between two drains, ns.
        public var drainIntervalNs: UInt64 = 1_000_000
        /// Bytes of each ring.
        public var ringBytes = 4 << 20

        /// The defaults: those of the agent.
        public init() {}
    }

    /// What was measured.
    public struct Result: Sendable, Hashable, Codable {
        /// Generators, each on a CPU of its own.
        public var generators = 0
        /// Records that programs wanted to emit.
        public var attempted: UInt64 = 0
        /// Records that found their ring full.
        public var ringFull: UInt64 = 0
        /// Records that were read.
        public var received: UInt64 = 0
        /// Records that a check refused, which must be none.
        public var malformed: UInt64 = 0
        /// From the start until the last was read, ns.
        public var elapsedNs: UInt64 = 0
        /// CPU time of the reading thread, ns.
        public var readerNs: UInt64 = 0
        /// CPU time of the generators, ns.
        public var generatorNs: UInt64 = 0

        /// Read each second.
        public var recordsPerSecond: Double { Double(received) * 1e9 / Double(max(1, elapsedNs)) }
        /// The reading thread's CPU time for a record, ns.
        public var readerNsPerRecord: Double { Double(readerNs) / Double(max(1, received)) }
        /// The part of one core that it takes, 0…1.
        public var readerShare: Double { Double(readerNs) / Double(max(1, elapsedNs)) }
        /// The part that found no room, 0…1.
        public var lostShare: Double { Double(ringFull) / Double(max(1, attempted)) }
        /// Whether every record is accounted for.
        public var isClosed: Bool { attempted == ringFull + received && malformed == 0 }
    }

    private let options: Options

    /// A benchmark with these options.
    public init(_ options: Options = Options()) {
        self.options = options
    }

    /// Runs it.
    public func run() throws -> Result {
        var configuration = KernelPlaneConfiguration()
        configuration.bulkBytes = options.ringBytes
        let plane = try KernelPlane(configuration: configuration)
        let program = try EmitProgram(.emitFixed, plane: plane)
        let cpus = try options.cpus ?? CPUTopology.current().online
        let generators = try cpus.map { cpu in
            let order = GeneratorOrder(load: .emitFixed, count: options.records / cpus.count, cpu: cpu)
            return try GeneratorProcess(order, programDescriptor: program.descriptor)
        }
        let drain = RingDrainer(rings: plane.rings, intervalNs: options.drainIntervalNs)
        let begin = MonotonicClock.monotonicNs
        let reader = try PinnedThread(name: "bench-reader", cpus: options.readerCPU.map { [$0] }) { drain.run() }
        for generator in generators { generator.start() }
        let reports = Swift.Result { try generators.map { try $0.waitForReport() } }
        drain.finish()
        reader.join()
        var result = Result()
        result.generators = cpus.count
        result.generatorNs = try reports.get().reduce(0) { $0 + $1.cpuNs }
        let counts = try plane.counters().counts(kind: EmitProgram.fixedKind)
        result.attempted = counts.attempted
        result.ringFull = counts.ringFull
        let drained = drain.total
        result.received = drained.records
        result.malformed = drained.malformed
        result.readerNs = drained.cpuNs
        result.elapsedNs = drained.endNs - begin
        return result
    }
}

/// The thread that reads and drops.
private final class RingDrainer: Sendable {
    struct Total: Sendable {
        var records: UInt64 = 0
        var malformed: UInt64 = 0
        var cpuNs: UInt64 = 0
        var endNs: UInt64 = 0
    }

    private let rings: [KernelRing]
    private let intervalNs: UInt64
    private let isFinishing = Atomic<Bool>(false)
    private let result = Mutex(Total())

    init(rings: [KernelRing], intervalNs: UInt64) {
        self.rings = rings
        self.intervalNs = intervalNs
    }

    /// What was read; final once the thread has ended.
    var total: Total { result.withLock { $0 } }

    /// No more records come: `run` returns when the rings are empty.
    func finish() { isFinishing.store(true, ordering: .releasing) }

    func run() {
        let check = RecordCheck(CollectorRegistry.schemas)
        var total = Total()
        while true {
            // Before the drain: what was written before `finish` is then seen by it.
            let isLast = isFinishing.load(ordering: .acquiring)
            var records = 0
            for ring in rings {
                records += ring.drain { if check.fault(in: $0) != nil { total.malformed += 1 } }.records
            }
            total.records += UInt64(records)
            if isLast && records == 0 { break }
            if !isLast { MonotonicClock.sleep(nanoseconds: intervalNs) }
        }
        total.cpuNs = MonotonicClock.threadCPUNs
        total.endNs = MonotonicClock.monotonicNs
        result.withLock { $0 = total }
    }
}
