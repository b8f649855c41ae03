import Synchronization
import TapioArchive

@testable import TapioExport

/// What an exporter told.
final class NewsLog: Sendable {
    private let all = Mutex<[ExportNews]>([])

    func append(_ news: ExportNews) { all.withLock { $0.append(news) } }

    /// The kinds of its failures, each when it began.
    var failures: [ExportFailure.Kind] {
        all.withLock { $0 }.compactMap { if case .failing(let failure) = $0 { failure.kind } else { nil } }
    }

    /// Rows of segments that are lost, by reason.
    var lost: [ExportNews.LossReason: Int64] {
        var rows: [ExportNews.LossReason: Int64] = [:]
        for case .lost(let segment, let reason) in all.withLock({ $0 }) {
            rows[reason, default: 0] += segment.totals.rows
        }
        return rows
    }

    /// Rows that are lost one by one, by reason.
    var lostRows: [ExportNews.LossReason: UInt64] {
        var rows: [ExportNews.LossReason: UInt64] = [:]
        for case .lostRows(_, let reason, let count) in all.withLock({ $0 }) { rows[reason, default: 0] += count }
        return rows
    }

    var notices: [String] {
        all.withLock { $0 }.compactMap { if case .notice(let text) = $0 { text } else { nil } }
    }

    var recoveries: Int {
        all.withLock { $0 }.reduce(0) { if case .recovered = $1 { $0 + 1 } else { $0 } }
    }
}
