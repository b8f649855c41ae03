import CTapioSystem
import Foundation
import Glibc
import TapioArchive
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioQuery
import TapioRings

/// Measures the agent on events of the kernel: real programs, rings, threads and files; generators in processes of their own
/// say how many events they caused, and the archive is asked for them afterwards.
public struct KernelBenchmark: Sendable {
    /// How to measure.
    public struct Options: Sendable {
        /// Generator processes.
        public var generators = 1
        /// Multiplies how often each load is caused.
        public var scale = 1.0
        /// The CPUs of the agent; nil: all.
        public var agentCPUs: [Int]?
        /// The CPUs of the generators, in turn; nil: those that are not the agent's, and for emitted loads the last ones.
        public var generatorCPUs: [Int]?
        /// Where the archive goes meanwhile.
        public var directory = NSTemporaryDirectory()
        /// How long to look at the agent while no generator runs.
        public var idle = Duration.seconds(2)
        /// Settings of the agent, as `--set` takes them.
        public var settings: [ConfigurationFlag] = []
        /// Counts what programs in the kernel take, which costs each of their runs about 20 ns.
        public var measuresPrograms = false

        /// The defaults.
        public init() {}
    }

    private let options: Options

    /// A benchmark with these options.
    public init(_ options: Options = Options()) {
        self.options = options
    }

    /// Runs a load with an agent of its own, whose archive is removed afterwards.
    public func run(_ load: BenchmarkLoad) async throws -> KernelMeasurement {
        if let cpus = options.agentCPUs { try ProcessBinding.bind(to: cpus) }
        let place = try AgentPlace(in: options.directory, for: "bench")
        defer { place.remove() }
        let agent = try place.makeAgent(load, options.settings)
        let accounting = options.measuresPrograms ? try ProgramAccounting() : nil
        let programs = try LoadPrograms(load, plane: agent.plane)
        // Of runs before this one nothing may be left.
        tapio_release_freed_memory()
        ProcessCost.resetResidentHighWater()
        let failures = try await agent.start()
        let (signals, signal) = AsyncStream.makeStream(of: AgentSignal.self)
        let serving = Task { await agent.serve(signals) }

        var result = KernelMeasurement()
        var pids: [Int32] = []
        var failure: (any Error)?
        do { pids = try await measure(load, agent, programs, &result) } catch { failure = error }
        if accounting != nil { result.programs = await runs(agent, programs) }
        // A stopping agent counts on it that no event comes any more.
        programs.detach()
        signal.yield(.stop)
        await serving.value
        await agent.stop()
        _ = consume accounting
        if let failure { throw failure }
        result.problems += failures
        try await conclude(load, agent, pids, place, &result)
        return result
    }

    // MARK: - The load

    private func measure(
        _ load: BenchmarkLoad,
        _ agent: Agent,
        _ programs: LoadPrograms,
        _ result: inout KernelMeasurement
    ) async throws -> [Int32] {
        let count = max(1, Int(Double(load.defaultCount) * options.scale) / options.generators)
        let orders = try (0..<options.generators).map { number in
            GeneratorOrder(
                load: load.shared(by: options.generators),
                count: count,
                cpu: try cpu(ofGenerator: number, load),
                firstRecord: number * (EmitProgram.recordCount / options.generators)
            )
        }
        let generators = try orders.map { try GeneratorProcess($0, programDescriptor: programs.descriptor) }
        // What the agent does when nothing happens: counted, and taken off later.
        var before = try await settled(agent)
        try await Task.sleep(for: options.idle)
        let idle = try LoadReading(agent)
        result.idleNs = idle.atNs - before.atNs
        result.idleUserNs = idle.cost.since(before.cost).userNs
        result.idleSystemNs = idle.cost.since(before.cost).systemNs

        before = try await settled(agent)
        let memory = MemorySampler()
        for generator in generators { generator.start() }
        var reports: [GeneratorReport] = []
        for generator in generators { reports.append(try await generator.report()) }
        let after = try await settled(agent)

        result.load = load.name
        result.count = reports.reduce(0) { $0 + $1.count }
        result.loadNs = reports.map(\.elapsedNs).max() ?? 0
        result.skippedNs = reports.map(\.skippedNs).max() ?? 0
        result.generatorNs = reports.reduce(0) { $0 + $1.cpuNs }
        result.resident = await memory.finish()
        result.residentBytes = ProcessCost.residentHighWater
        after.write(since: before, into: &result, agent.registry)
        result.write(durable: try await durable(agent, since: before))
        for report in reports {
            for trace in load.traces(pid: report.pid) {
                result.caused[trace.kind, default: 0] += report.count * trace.each
            }
        }
        for order in orders {
            for (kind, each) in programs.caused(first: order.firstRecord, count: order.count) {
                result.caused[agent.registry.name(of: kind), default: 0] += each
            }
        }
        return reports.map(\.pid)
    }

    /// Waits until the rings are empty and all that was read is written.
    private func settled(_ agent: Agent) async throws -> LoadReading {
        while agent.plane.rings.contains(where: { $0.pendingBytes > 0 }) {
            try await Task.sleep(for: .milliseconds(1))
        }
        await agent.pipeline.seal()
        return try LoadReading(agent)
    }

    /// Waits until the archive's policy has made all durable, which is a part of what is measured, and for no longer than
    /// any policy of time takes.
    private func durable(_ agent: Agent, since earlier: LoadReading) async throws -> LatencyHistogram.Snapshot {
        let deadline = MonotonicClock.monotonicNs + Self.mostSyncNs
        while agent.archive.unsyncedRows > 0 && MonotonicClock.monotonicNs < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        return agent.durable.snapshot.since(earlier.durable)
    }

    private static let mostSyncNs: UInt64 = 3_000_000_000

    private func runs(_ agent: Agent, _ programs: LoadPrograms) async -> [KernelMeasurement.ProgramRuns] {
        let collectors = await agent.status().collectors.flatMap(\.programs).filter { $0.runs > 0 }
            .map { KernelMeasurement.ProgramRuns(name: $0.name, runs: $0.runs, runTimeNs: $0.runTimeNs) }
        let own = programs.statistics.filter { $0.runCount > 0 }
            .map { KernelMeasurement.ProgramRuns(name: $0.name, runs: $0.runCount, runTimeNs: $0.runTimeNs) }
        return collectors + own
    }

    // MARK: - The proof

    private func conclude(
        _ load: BenchmarkLoad,
        _ agent: Agent,
        _ pids: [Int32],
        _ place: AgentPlace,
        _ result: inout KernelMeasurement
    ) async throws {
        for violation in await agent.ledgerViolations {
            result.problems.append(
                "the ledger does not close: \(agent.registry.name(of: violation.kind)), \(violation.stage.rawValue): \(violation.unaccounted)"
            )
        }
        let source = try ArchiveSource(path: place.archive)
        let verdict = LedgerVerifier.verify(source.segments)
        result.problems += verdict.findings.filter { $0.severity == .problem }.map(\.description)
        result.archiveBytes = source.segments.reduce(0) { $0 + Int64($1.byteCount) }
        result.archiveRows = Int64(clamping: agent.archive.segments.reduce(0) { $0 + $1.totals.rows })
        let engine = QueryEngine(segments: source.segments)
        let schema = QuerySchema(agent.registry)
        for kind in result.caused.keys {
            let filters =
                load.origin == .programs
                ? [""] : pids.flatMap { load.traces(pid: $0) }.filter { $0.kind == kind }.map { " and " + $0.filter }
            for filter in filters {
                var spec = QuerySpec()
                spec.filter = "kind = \(kind)" + filter
                spec.aggregates = ["count"]
                let table = try engine.table(Query(spec, schema: schema))
                result.found[kind, default: 0] += table.summary.rowsMatched - table.summary.summaryRows
                switch table.rows.first?.first {
                case .int(let count): result.told[kind, default: 0] += Double(count)
                case .double(let count): result.told[kind, default: 0] += count
                default: break
                }
            }
        }
        result.problems += result.contradictions(isExact: load.origin != .collectors)
    }

    // MARK: - CPUs

    private func cpu(ofGenerator number: Int, _ load: BenchmarkLoad) throws -> Int? {
        if let cpus = options.generatorCPUs { return cpus[number % cpus.count] }
        let online = try CPUTopology.current().online
        if let agent = options.agentCPUs {
            let others = online.filter { !agent.contains($0) }
            return others.isEmpty ? nil : others[number % others.count]
        }
        return load.origin == .collectors ? nil : online[online.count - 1 - number % online.count]
    }
}
