import Foundation
import Glibc
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioRings

/// Counts what the agent allocates on the heap while a steady load runs: for real, by probes at the C library's functions.
public struct HeapBenchmark: Sendable {
    /// How to measure.
    public struct Options: Sendable {
        /// What causes events.
        public var load = BenchmarkLoad.getppid(perSecond: 420_000)
        /// How long the load runs before the counting begins: memory that is kept is then there.
        public var warmUp = Duration.seconds(8)
        /// How long to count.
        public var duration = Duration.seconds(10)
        /// Where the archive goes meanwhile.
        public var directory = NSTemporaryDirectory()
        /// Settings of the agent, as `--set` takes them.
        public var settings: [ConfigurationFlag] = []

        /// The defaults.
        public init() {}
    }

    private let options: Options

    /// A benchmark with these options.
    public init(_ options: Options = Options()) {
        self.options = options
    }

    /// Runs it, with an agent of its own whose archive is removed afterwards.
    public func run() async throws -> HeapMeasurement {
        let place = try AgentPlace(in: options.directory, for: "bench")
        defer { place.remove() }
        let agent = try place.makeAgent(options.load, options.settings)
        let programs = try LoadPrograms(options.load, plane: agent.plane)
        var result = HeapMeasurement()
        result.load = options.load.name
        result.problems = try await agent.start()
        let (signals, signal) = AsyncStream.makeStream(of: AgentSignal.self)
        let serving = Task { await agent.serve(signals) }
        var failure: (any Error)?
        do { try await measure(agent, programs, &result) } catch { failure = error }
        programs.detach()
        signal.yield(.stop)
        await serving.value
        await agent.stop()
        if let failure { throw failure }
        return result
    }

    private func measure(_ agent: Agent, _ programs: LoadPrograms, _ result: inout HeapMeasurement) async throws {
        let probe = try HeapProbe(plane: agent.plane)
        defer { probe.detach() }
        let generator = try GeneratorProcess(try order(), programDescriptor: programs.descriptor)
        generator.start()
        var wasSteady = false
        do {
            try await count(agent, probe, &result)
            wasSteady = generator.end()
        } catch {
            _ = generator.end()
            throw error
        }
        if !wasSteady { result.problems.append("the load ended before the counting did: it was not steady") }
    }

    private func count(_ agent: Agent, _ probe: HeapProbe, _ result: inout HeapMeasurement) async throws {
        try await Task.sleep(for: options.warmUp)
        let before = agent.pipeline.statistics
        let threadsBefore = try probe.threads()
        let beginNs = MonotonicClock.monotonicNs
        try await Task.sleep(for: options.duration)
        let threads = try probe.threads()
        result.elapsedNs = MonotonicClock.monotonicNs - beginNs
        let after = agent.pipeline.statistics
        result.events = Self.records(after) &- Self.records(before)
        result.batches = after.sealedBatches &- before.sealedBatches
        result.passes = Self.passes(after) &- Self.passes(before)
        result.add(threads, since: threadsBefore)
    }

    private func order() throws -> GeneratorOrder {
        let seconds = (options.warmUp + options.duration) / .seconds(1)
        // More than any machine can do where there is no rate: it must not end before the counting does, which ends it.
        let rate = options.load.perSecond ?? 20_000_000
        let cpus = try CPUTopology.current().online
        return GeneratorOrder(
            load: options.load,
            count: Int(Double(rate) * (seconds + 1)),
            cpu: options.load.origin == .collectors ? nil : cpus.last
        )
    }

    private static func records(_ statistics: PipelineStatistics) -> UInt64 {
        statistics.readers.flatMap(\.lanes).reduce(0) { $0 &+ $1.records }
    }

    private static func passes(_ statistics: PipelineStatistics) -> UInt64 {
        statistics.readers.reduce(0) { $0 &+ $1.passes }
    }
}
