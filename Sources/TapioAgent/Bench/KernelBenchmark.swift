import CTapioSystem
import Foundation
import Glibc
import Logging
import TapioArchive
import TapioCollectors
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
        try bindProcess()
        let place = try Place(in: options.directory)
        defer { place.remove() }
        let agent = try Agent(
            sources: place.sources(load, options.settings),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
            logSettings: AgentLogHandler.Settings(),
            minimumLevel: .critical
        )
        let emitter = load.isEmitted ? try EmitProgram(load, plane: agent.plane) : nil
        let accounting = options.measuresPrograms ? try ProgramAccounting() : nil
        // Of runs before this one nothing may be left.
        tapio_release_freed_memory()
        ProcessCost.resetResidentHighWater()
        let failures = try await agent.start()
        let (signals, signal) = AsyncStream.makeStream(of: AgentSignal.self)
        let serving = Task { await agent.serve(signals) }

        var result = KernelMeasurement()
        var pids: [Int32] = []
        do {
            pids = try await measure(load, agent, emitter, &result)
        } catch {
            signal.yield(.stop)
            await serving.value
            await agent.stop()
            throw error
        }
        if accounting != nil { result.programs = await programs(agent, emitter) }
        signal.yield(.stop)
        await serving.value
        await agent.stop()
        _ = consume accounting
        result.problems += failures
        try await conclude(load, agent, pids, place, &result)
        return result
    }

    // MARK: - The load

    private func measure(
        _ load: BenchmarkLoad,
        _ agent: Agent,
        _ emitter: EmitProgram?,
        _ result: inout KernelMeasurement
    ) async throws -> [Int32] {
        let count = max(1, Int(Double(load.defaultCount) * options.scale) / options.generators)
        let orders = try (0..<options.generators).map { number in
            GeneratorOrder(
                load: load,
                count: count,
                cpu: try cpu(ofGenerator: number, load),
                firstRecord: number * (EmitProgram.recordCount / options.generators)
            )
        }
        let generators = try orders.map { try GeneratorProcess($0, programDescriptor: emitter?.descriptor) }
        // What the agent does when nothing happens: counted, and taken off later.
        var before = try await settled(agent)
        try await Task.sleep(for: options.idle)
        let idle = try LoadReading(agent)
        result.idleNs = idle.atNs - before.atNs
        result.idleUserNs = idle.cost.since(before.cost).userNs
        result.idleSystemNs = idle.cost.since(before.cost).systemNs

        before = try await settled(agent)
        for generator in generators { generator.start() }
        var reports: [GeneratorReport] = []
        for generator in generators { reports.append(try await generator.report()) }
        let after = try await settled(agent)

        result.load = load.name
        result.count = reports.reduce(0) { $0 + $1.count }
        result.loadNs = reports.map(\.elapsedNs).max() ?? 0
        result.generatorNs = reports.reduce(0) { $0 + $1.cpuNs }
        after.write(since: before, into: &result, agent.registry)
        result.residentBytes = ProcessCost.residentHighWater
        for report in reports {
            for trace in load.traces(pid: report.pid) {
                result.caused[trace.kind, default: 0] += report.count * trace.each
            }
        }
        for order in emitter == nil ? [] : orders {
            for (kind, each) in emitter?.caused(first: order.firstRecord, count: order.count) ?? [:] {
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

    private func programs(_ agent: Agent, _ emitter: EmitProgram?) async -> [KernelMeasurement.ProgramRuns] {
        let collectors = await agent.status().collectors.flatMap(\.programs).filter { $0.runs > 0 }
            .map { KernelMeasurement.ProgramRuns(name: $0.name, runs: $0.runs, runTimeNs: $0.runTimeNs) }
        let emitted = (emitter?.statistics ?? [])
            .map { KernelMeasurement.ProgramRuns(name: $0.name, runs: $0.runCount, runTimeNs: $0.runTimeNs) }
        return collectors + emitted
    }

    // MARK: - The proof

    private func conclude(
        _ load: BenchmarkLoad,
        _ agent: Agent,
        _ pids: [Int32],
        _ place: Place,
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
                load.isEmitted
                ? [""] : pids.flatMap { load.traces(pid: $0) }.filter { $0.kind == kind }.map { " and " + $0.filter }
            for filter in filters {
                var spec = QuerySpec()
                spec.filter = "kind = \(kind)" + filter
                spec.aggregates = ["count"]
                let table = try engine.table(Query(spec, schema: schema))
                if case .int(let count)? = table.rows.first?.first { result.found[kind, default: 0] += Int(count) }
            }
        }
        result.problems += result.contradictions
    }

    // MARK: - CPUs

    private func cpu(ofGenerator number: Int, _ load: BenchmarkLoad) throws -> Int? {
        if let cpus = options.generatorCPUs { return cpus[number % cpus.count] }
        let online = try CPUTopology.current().online
        if let agent = options.agentCPUs {
            let others = online.filter { !agent.contains($0) }
            return others.isEmpty ? nil : others[number % others.count]
        }
        return load.isEmitted ? online[online.count - 1 - number % online.count] : nil
    }

    /// Binds all threads that this process has now, and so all that they will start.
    private func bindProcess() throws {
        guard let cpus = options.agentCPUs else { return }
        var mask = [UInt64](repeating: 0, count: 128)
        for cpu in cpus where (0..<mask.count * 64).contains(cpu) { mask[cpu / 64] |= 1 << UInt64(cpu % 64) }
        for tid in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap({ Int32($0) }) {
            let result = unsafe tapio_set_affinity(tid, mask, mask.count)
            guard result >= 0 || result == -ESRCH else {
                throw GeneratorError("cannot bind this process to CPUs \(cpus)", errno: -result)
            }
        }
    }
}

/// The agent's counts at one time.
private struct LoadReading {
    var atNs = MonotonicClock.monotonicNs
    var cost = ProcessCost.now()
    var ledger: LedgerSnapshot
    var pipeline: PipelineStatistics

    init(_ agent: Agent) throws {
        ledger = try LedgerReading.now(ledger: agent.ledger, plane: agent.plane, registry: agent.registry).snapshot
        pipeline = agent.pipeline.statistics
    }

    func write(since earlier: LoadReading, into result: inout KernelMeasurement, _ registry: SchemaRegistry) {
        result.elapsedNs = atNs - earlier.atNs
        result.userNs = cost.since(earlier.cost).userNs
        result.systemNs = cost.since(earlier.cost).systemNs
        func readerNs(_ statistics: PipelineStatistics) -> UInt64 { statistics.readers.reduce(0) { $0 + $1.cpuNs } }
        result.readerNs = readerNs(pipeline) &- readerNs(earlier.pipeline)
        result.encoderNs = pipeline.encoders.busyNs &- earlier.pipeline.encoders.busyNs
        for (kind, entry) in ledger.since(earlier.ledger) { result.ledger[registry.name(of: kind)] = entry }
        let latency = pipeline.latency.since(earlier.pipeline.latency)
        result.latencyP50Ns = latency.percentile(0.5) ?? 0
        result.latencyP99Ns = latency.percentile(0.99) ?? 0
    }
}

/// A directory for one run: archive and control socket.
private struct Place {
    let path: String

    init(in directory: String) throws {
        var template = Array("\(directory)/tapio-bench-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw GeneratorError("cannot make a directory in \(directory)", errno: errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    var archive: String { path + "/archive" }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The agent's defaults but for what the benchmark must have.
    func sources(_ load: BenchmarkLoad, _ settings: [ConfigurationFlag]) -> ConfigurationSources {
        var flags = [
            ConfigurationFlag(key: "archive.path", value: archive, spelling: "bench"),
            ConfigurationFlag(key: "control.socket", value: path + "/control.sock", spelling: "bench"),
        ]
        for name in CollectorRegistry.all.map(\.name) {
            let isWanted = load.collectors.contains(name)
            flags.append(
                ConfigurationFlag(key: "collectors.\(name).enabled", value: "\(isWanted)", spelling: "bench")
            )
        }
        return ConfigurationSources(file: .standard(path + "/none.yaml"), flags: flags + settings)
    }
}
