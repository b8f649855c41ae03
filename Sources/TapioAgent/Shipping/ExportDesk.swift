import Logging
import Synchronization
import TapioArchive
import TapioEvents
import TapioExport

/// The exporters that the configuration asks for. Starts, stops and changes them one by one, and passes on what they tell.
///
/// Called by the agent alone, apart from ``noteRemoved(_:)``.
final class ExportDesk: Sendable {
    private let source: ExportSource
    private let environment: [String: String]
    private let logger: Logger
    private let state = Mutex<State>(State())

    /// An exporter at work, and what it was made from.
    private struct Running: Sendable {
        var place: ExportPlace
        var pace: SegmentExporter.Pace
        var exporter: SegmentExporter
        var task: Task<Void, Never>
    }

    private struct State: Sendable {
        var running: [String: Running] = [:]
        /// What retention removed before it was known which exporters there are; nil: it is.
        var removedEarly: [SegmentFacts]? = []
        /// Losses that the ledger does not know of yet. Those that find no place are in the log and the exporter's counts.
        var losses: [Loss] = []
    }

    private struct Loss: Sendable {
        var exporter: String
        var segment: SegmentFacts
        var reason: ExportNews.LossReason
        /// nil: all of the segment's.
        var rows: UInt64?
    }

    /// Rows that the ledger gets at a time, at most.
    private static let mostLosses = 1024
    /// Segments that are remembered until the exporters are made, at most.
    private static let mostRemovedEarly = 16_384

    init(_ source: ExportSource, environment: [String: String], logger: Logger) {
        self.source = source
        self.environment = environment
        self.logger = logger
    }

    // MARK: - Which there are

    /// Makes what runs what the settings say; what has not changed is not touched.
    func apply(_ settings: ExportSettings) async {
        let places = settings.places
        for name in state.withLock({ $0.running.keys.sorted() }) where !places.contains(where: { $0.name == name }) {
            await end(name)
            logger.notice("export \(name): stopped")
        }
        for place in places { await start(place, settings.pace) }
        let early = state.withLock { state in
            defer { state.removedEarly = nil }
            return state.removedEarly ?? []
        }
        for segment in early { noteRemoved(segment) }
    }

    private func start(_ place: ExportPlace, _ pace: SegmentExporter.Pace) async {
        let name = place.name
        if let old = state.withLock({ $0.running[name] }) {
            if old.place == place && old.pace == pace { return }
            await end(name)
        }
        let exporter = SegmentExporter(place, pace: pace, source: source, environment: environment) {
            [weak self] news in
            self?.hear(news, of: name)
        }
        let running = Running(place: place, pace: pace, exporter: exporter, task: Task { await exporter.run() })
        state.withLock { $0.running[name] = running }
        logger.notice("export \(name): started")
    }

    /// Two must not write one position: it waits for the end.
    private func end(_ name: String) async {
        guard let old = state.withLock({ $0.running[name] }) else { return }
        old.task.cancel()
        await old.task.value
        state.withLock { $0.running[name] = nil }
    }

    /// Gives the exporters a moment to send what is sealed by now, and ends them.
    func stop(within limit: Duration) async {
        let running = state.withLock { Array($0.running.values) }
        guard !running.isEmpty else { return }
        for one in running { one.exporter.finish() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await Task.sleep(for: limit)
                for one in running { one.task.cancel() }
            }
            for one in running { await one.task.value }
            group.cancelAll()
        }
        for status in status where status.waitingSegments > 0 {
            logger.notice(
                "export \(status.name): \(status.waitingSegments) segments are left, the next start goes on with them"
            )
        }
    }

    // MARK: - What they do

    /// In the order of their names.
    var status: [ExporterStatus] {
        state.withLock { Array($0.running.values) }.map(\.exporter.status).sorted { $0.name < $1.name }
    }

    /// Hears that retention removed a segment.
    func noteRemoved(_ segment: SegmentFacts) {
        let running = state.withLock { state in
            if let count = state.removedEarly?.count, count < Self.mostRemovedEarly {
                state.removedEarly?.append(segment)
            }
            return state.removedEarly == nil ? Array(state.running.values) : []
        }
        for one in running { one.exporter.noteRemoved(segment) }
    }

    /// Whether no exporter needs any of these: each that runs sent them. False before it is known which there are.
    func isDone(with segments: [SegmentName]) -> Bool {
        let running = state.withLock { $0.removedEarly == nil ? Array($0.running.values) : nil }
        return running?.allSatisfy { $0.exporter.isDone(with: segments) } ?? false
    }

    private func hear(_ news: ExportNews, of name: String) {
        switch news {
        case .failing(let failure): logger.warning("export \(name): \(failure)")
        case .recovered(let failures): logger.notice("export \(name): works again after \(failures) failures")
        case .notice(let text): logger.notice("export \(name): \(text)")
        case .lost(let segment, let reason):
            logger.error(
                "export \(name): \(segment.relativePath), \(segment.totals.rows) rows, will never be sent (\(reason.rawValue))"
            )
            note(Loss(exporter: name, segment: segment, reason: reason))
        case .lostRows(let segment, let reason, let rows):
            note(Loss(exporter: name, segment: segment, reason: reason, rows: rows))
        }
    }

    private func note(_ loss: Loss) {
        state.withLock { state in
            // One row for all that is lost of a segment in the same way.
            let same = state.losses.firstIndex {
                $0.rows != nil && $0.exporter == loss.exporter && $0.segment.name == loss.segment.name
                    && $0.reason == loss.reason
            }
            if let same, let rows = loss.rows {
                state.losses[same].rows = (state.losses[same].rows ?? 0) + rows
            } else if state.losses.count < Self.mostLosses {
                state.losses.append(loss)
            }
        }
    }

    /// Rows for the ledger: segments that a place will never get. The archive had their events.
    func takeLedgerRows(_ clock: ClockOffset) -> [LedgerRow] {
        let losses = state.withLock { state in
            defer { state.losses = [] }
            return state.losses
        }
        return losses.map { loss in
            let totals = loss.segment.totals
            var row = LedgerRow(
                .retention,
                fromNs: (totals.minTimestampNs ?? 0) - clock.utcMinusBootNs,
                toNs: (totals.maxTimestampNs ?? 0) - clock.utcMinusBootNs
            )
            row.stage = "export"
            row.reason = loss.reason.rawValue
            row.count = loss.rows ?? UInt64(clamping: totals.rows)
            row.note = "\(loss.exporter): \(loss.segment.relativePath), \(loss.segment.bytes) bytes"
            return row
        }
    }
}
