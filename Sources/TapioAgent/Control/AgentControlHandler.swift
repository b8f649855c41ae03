import Dispatch
import Synchronization
import TapioEvents
import TapioPipeline
import TapioRings

/// Answers clients from the agent. Runs on their threads, which may wait.
final class AgentControlHandler: ControlHandler {
    private let agent: Agent

    init(_ agent: Agent) {
        self.agent = agent
    }

    func status() -> StatusReport {
        waiting { [agent] in await agent.status() }
    }

    func readiness() -> ReadinessReport {
        waiting { [agent] in await agent.readiness() }
    }

    func metrics() -> [UInt8] {
        MetricsText.write(waiting { [agent] in await agent.metrics() }, .text)
    }

    func stream(_ request: ControlRequest.EventStream, send: ([UInt8]) -> Bool) {
        let registry = agent.registry
        let kinds = Set(request.kinds.compactMap { registry.schema(named: $0)?.kind })
        let relay = LiveRelay(agent.liveEvents(of: kinds.isEmpty ? nil : kinds))
        var skipped: UInt64 = 0
        while let live = relay.next() {
            var lines: [UInt8] = []
            if live.skipped > skipped, request.format == .json, request.tellsSkipped == true {
                skipped = live.skipped
                lines += "{\"_skipped\":\(skipped)}\n".utf8
            }
            for event in live.events { lines += EventForm.line(event, request) + [UInt8(ascii: "\n")] }
            if !send(lines) { break }
        }
        relay.cancel()
    }

    func top(_ request: ControlRequest.Top, send: (TopReading) -> Bool, wait: (Int) -> Bool) {
        let counter = TopCounter(agent.registry)
        let observation = agent.pipeline.tap.observe { counter.count($0) }
        defer { observation.cancel() }
        let intervalNs = UInt64(request.intervalMs) * 1_000_000
        var latency = agent.pipeline.statistics.latency
        var skipped: UInt64 = 0
        var lastNs = MonotonicClock.monotonicNs
        guard send(TopReading(status: status())) else { return }
        while true {
            let end = lastNs + intervalNs
            while true {
                let nowNs = MonotonicClock.monotonicNs
                if nowNs >= end { break }
                // In small steps: an agent that stops does not wait for its clients.
                guard wait(Int(min(end - nowNs, 200_000_000) / 1_000_000) + 1), !observation.isOver else { return }
            }
            let nowNs = MonotonicClock.monotonicNs
            let counts = counter.take()
            var reading = TopReading(status: status())
            reading.seconds = Double(nowNs - lastNs) / 1e9
            lastNs = nowNs
            reading.records = counts.records
            reading.events = counts.events
            let skippedNow = observation.skipped
            reading.skipped = skippedNow &- skipped
            skipped = skippedNow
            let latencyNow = agent.pipeline.statistics.latency
            let measured = latencyNow.since(latency)
            latency = latencyNow
            reading.latencyP50Ns = measured.percentile(0.5)
            reading.latencyP99Ns = measured.percentile(0.99)
            let rankings = TopRankings(table: agent.enricher.table, limit: request.entries)
            reading.processes = rankings.processes(counts.processes)
            reading.commands = rankings.commands(counts.commands)
            reading.owners = rankings.owners(counts.owners)
            reading.peers = rankings.peers(counts.peers)
            guard send(reading) else { return }
        }
    }

    private func waiting<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Value?>(nil)
        Task {
            let value = await body()
            result.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        return result.withLock { $0! }
    }
}
