import Logging
import Synchronization
import TapioExport

/// The exporter of metrics, where the configuration asks for one. Called by the agent alone.
final class MetricsDesk: Sendable {
    private let environment: [String: String]
    private let logger: Logger
    private let state = Mutex<Running?>(nil)

    private struct Running: Sendable {
        var settings: OTLPSettings
        var exporter: OTLPMetricsExporter
        var task: Task<Void, Never>
    }

    private static let name = "export otlp_metrics"

    init(environment: [String: String], logger: Logger) {
        self.environment = environment
        self.logger = logger
    }

    /// Makes what runs what the settings say; what has not changed is not touched.
    ///
    /// - Parameter read: Reads all metrics; nil: there is nobody any more who counts.
    func apply(_ settings: OTLPSettings?, read: @escaping @Sendable () async -> OTLPMetrics?) async {
        let wanted = settings?.metricsIntervalNs == nil ? nil : settings
        let old = state.withLock { $0 }
        guard old?.settings != wanted else { return }
        if old != nil {
            await stop()
            if wanted == nil { logger.notice("\(Self.name): stopped") }
        }
        guard let wanted, let interval = wanted.metricsIntervalNs else { return }
        let tell: @Sendable (ExportNews) -> Void = { [logger] news in
            switch news {
            case .failing(let failure): logger.warning("\(Self.name): \(failure)")
            case .recovered(let failures): logger.notice("\(Self.name): works again after \(failures) failures")
            case .notice(let text): logger.notice("\(Self.name): \(text)")
            case .lost, .lostRows: break
            }
        }
        let exporter = OTLPMetricsExporter(
            wanted,
            interval: .nanoseconds(Int64(clamping: interval)),
            environment: environment,
            tell: tell,
            read: read
        )
        let task = Task { await exporter.run() }
        state.withLock { $0 = Running(settings: wanted, exporter: exporter, task: task) }
        logger.notice("\(Self.name): started")
    }

    /// Ends it, whatever it waits for.
    func stop() async {
        guard let running = state.withLock({ $0 }) else { return }
        running.task.cancel()
        await running.task.value
        state.withLock { $0 = nil }
    }

    /// What it does, if there is one.
    var status: ExporterStatus? { state.withLock { $0 }?.exporter.status }
}
