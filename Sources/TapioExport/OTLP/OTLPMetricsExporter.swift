import Synchronization
import TapioArchive
import TapioRings

/// Reports metrics to a receiver of OTLP, all of them each time. They count from the agent's start on, so nothing is kept: a
/// report that fails is made up for by the next. Runs on a thread of its own, which waits for the network.
public actor OTLPMetricsExporter {
    /// The queue on which it waits.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let executor = BlockingExecutor(label: "tapio.export.otlp_metrics")
    private let interval: Duration
    private let connection = ExportConnection()
    private let client: OTLPClient
    private let read: @Sendable () async -> OTLPMetrics?
    private let tell: @Sendable (ExportNews) -> Void
    private let shown: Mutex<ExporterStatus>
    private var lastKind: ExportFailure.Kind?
    private var lastReason = ""

    /// - Parameters:
    ///   - interval: Time from one report to the next.
    ///   - read: Reads all metrics; nil: there are none any more.
    public init(
        _ settings: OTLPSettings,
        interval: Duration,
        environment: [String: String],
        tell: @escaping @Sendable (ExportNews) -> Void,
        read: @escaping @Sendable () async -> OTLPMetrics?
    ) {
        self.interval = interval
        self.read = read
        self.tell = tell
        client = OTLPClient(
            settings,
            path: OTLPSettings.metricsPath,
            environment: environment,
            connection: connection
        )
        shown = Mutex(ExporterStatus(name: "otlp_metrics", place: client.url))
    }

    /// What it does just now; its rows are data points. Never waits.
    public nonisolated var status: ExporterStatus { shown.withLock { $0 } }

    /// Works until its task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            while !Task.isCancelled {
                if let metrics = await read() { report(metrics) }
                // By chance a little sooner, so that a fleet that was started at once does not report in step.
                let wait = interval * Double.random(in: 0.9...1)
                guard (try? await Task.sleep(for: wait)) != nil else { break }
            }
        } onCancel: {
            connection.cancel()
        }
        show { $0.state = .stopped }
    }

    private func report(_ metrics: OTLPMetrics) {
        show { $0.state = .sending }
        do throws(ExportFailure) {
            switch try client.post(metrics.request(), "send metrics") {
            case .taken(let rejected, let reason): note(metrics, rejected: rejected, reason)
            case .refused(let failure), .tooLarge(let failure): throw failure
            }
        } catch {
            if error.kind != .cancelled { note(error) }
        }
    }

    private func note(_ metrics: OTLPMetrics, rejected: UInt64, _ reason: String) {
        if let notice = client.takeNotice() { tell(.notice(notice)) }
        let failures = status.failuresInARow
        let count = UInt64(metrics.pointCount)
        // Told before it is shown: who sees the count finds the reason.
        if failures > 0 { tell(.recovered(failures: failures)) }
        lastKind = nil
        if !reason.isEmpty, reason != lastReason {
            lastReason = reason
            tell(.notice(ExportFailure(.refused, "\(rejected) data points were rejected: \(reason)").message))
        }
        show { shown in
            shown.state = .idle
            shown.failuresInARow = 0
            shown.sentRows += count - min(rejected, count)
            shown.sentBytes += UInt64(client.sentBytes)
            shown.lastSentNs = SystemArchiveClock().utcNs()
            guard rejected > 0 else { return }
            shown.refusedRows[ExportNews.LossReason.rejected.rawValue, default: 0] += min(rejected, count)
            shown.lostRows += min(rejected, count)
        }
    }

    private func note(_ failure: ExportFailure) {
        if lastKind != failure.kind {
            lastKind = failure.kind
            tell(.failing(failure))
        }
        show { shown in
            shown.state = .waiting
            shown.failuresInARow += 1
            shown.retries += 1
            shown.lastError = failure.description
            shown.lastErrorNs = SystemArchiveClock().utcNs()
            shown.errors[failure.kind.rawValue, default: 0] += 1
        }
    }

    private func show(_ change: (inout ExporterStatus) -> Void) { shown.withLock { change(&$0) } }
}
