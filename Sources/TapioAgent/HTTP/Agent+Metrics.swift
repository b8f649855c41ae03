import TapioEvents
import TapioHTTP
import TapioPipeline

extension Agent {
    /// Whether the agent takes questions at all: whoever gets an answer knows.
    var isAlive: Bool { true }

    /// Everything that metrics are made of.
    func metrics() async -> MetricsSnapshot {
        var snapshot = MetricsSnapshot()
        snapshot.status = await status()
        let counts = Dictionary(uniqueKeysWithValues: snapshot.status.ledger.map { ($0.kind, $0.counts) })
        snapshot.kinds = registry.schemas.filter { $0.kind != .ledger }.map { schema in
            MetricsSnapshot.Kind(
                name: schema.name,
                collector: schema.collector,
                priority: schema.priority.name,
                counts: counts[schema.name] ?? LedgerEntry()
            )
        }
        let statistics = pipeline.statistics
        snapshot.malformed = RecordFault.allCases.map { fault in
            (fault.name, statistics.malformed.reduce(0) { $1.fault == fault ? $0 &+ $1.count : $0 })
        }
        snapshot.rings = Lane.allCases.map { lane in
            let rings = statistics.readers.flatMap(\.rings).filter { $0.lane == lane }
            return MetricsSnapshot.Ring(
                lane: lane.name,
                capacity: rings.map(\.capacity).max() ?? 0,
                fill: rings.map { Double($0.pendingBytes) / Double(max(1, $0.capacity)) }.max() ?? 0,
                blockedPasses: statistics.readers.reduce(0) { $0 &+ $1.lanes[Int(lane.rawValue)].blockedPasses }
            )
        }
        snapshot.readerPasses = statistics.readers.reduce(0) { $0 &+ $1.passes }
        snapshot.readerNs = statistics.readers.reduce(0) { $0 &+ $1.cpuNs }
        snapshot.latency = statistics.latency
        snapshot.durable = durable.snapshot
        snapshot.isBPFMeasured = SystemView.real.text("/proc/sys/kernel/bpf_stats_enabled") == "1"
        snapshot.http = surface.statistics.snapshot
        return snapshot
    }
}
