import TapioPipeline
import TapioRings

extension Agent {
    /// How often a service manager is told how the agent is, where its watchdog does not ask for more.
    private static let longestSilenceNs: UInt64 = 10_000_000_000

    /// Tells the service manager that the agent lives, and how it is, until the task is cancelled. The agent answers each
    /// time itself: one that hangs is silent.
    public nonisolated func report(to manager: ServiceManager) async {
        let watchdogNs = manager.watchdogNs ?? Self.longestSilenceNs
        // Three signs in the time in which one is wanted.
        let interval = max(10_000_000, min(watchdogNs / 3, Self.longestSilenceNs))
        var heartbeat = Heartbeat(limitNs: watchdogNs &+ 2 &* (await idleIntervalNs))
        while (try? await Task.sleep(for: .nanoseconds(Int64(clamping: interval)))) != nil {
            let isAlive = heartbeat.isAlive(passes: await readerPasses, nowNs: MonotonicClock.monotonicNs)
            if isAlive, manager.watchdogNs != nil { manager.alive() }
            manager.say(isAlive ? await status().summaryLine : "a reader no longer looks at its rings")
        }
    }

    private var idleIntervalNs: UInt64 { configuration.reader.idleIntervalNs }

    private var readerPasses: [UInt64] { pipeline.statistics.readers.map(\.passes) }
}

extension StatusReport {
    /// How the agent is, in one line.
    public var summaryLine: String {
        if let problem = health.problems.first {
            let more = health.problems.count > 1 ? " (and \(health.problems.count - 1) more)" : ""
            return "not well: \(problem)\(more)"
        }
        let running = collectors.count { $0.state == "running" }
        return "\(running) collectors run, \(archive.rowsWritten) rows written to \(archive.path)"
    }
}
