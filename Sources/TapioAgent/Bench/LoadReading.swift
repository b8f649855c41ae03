import TapioEvents
import TapioPipeline
import TapioRings

/// The agent's counts at one time.
struct LoadReading {
    var atNs = MonotonicClock.monotonicNs
    var cost = ProcessCost.now()
    var ledger: LedgerSnapshot
    var pipeline: PipelineStatistics
    var durable: LatencyHistogram.Snapshot

    init(_ agent: Agent) throws {
        ledger = try LedgerReading.now(ledger: agent.ledger, plane: agent.plane, registry: agent.registry).snapshot
        pipeline = agent.pipeline.statistics
        durable = agent.durable.snapshot
    }

    func write(since earlier: LoadReading, into result: inout KernelMeasurement, _ registry: SchemaRegistry) {
        result.elapsedNs = atNs - earlier.atNs
        result.userNs = cost.since(earlier.cost).userNs
        result.systemNs = cost.since(earlier.cost).systemNs
        func readerNs(_ statistics: PipelineStatistics) -> UInt64 { statistics.readers.reduce(0) { $0 + $1.cpuNs } }
        result.readerNs = readerNs(pipeline) &- readerNs(earlier.pipeline)
        result.encoderNs = pipeline.encoders.busyNs &- earlier.pipeline.encoders.busyNs
        for (kind, entry) in ledger.since(earlier.ledger) {
            result.ledger[registry.name(of: kind)] = entry
            guard let priority = registry.schema(of: kind)?.priority else { continue }
            result.priorities[priority.name, default: LedgerEntry()].add(entry)
        }
        let latency = pipeline.latency.since(earlier.pipeline.latency)
        result.latencyP50Ns = latency.percentile(0.5) ?? 0
        result.latencyP99Ns = latency.percentile(0.99) ?? 0
    }
}
