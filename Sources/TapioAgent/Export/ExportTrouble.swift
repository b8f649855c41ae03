import TapioArchive

/// Trouble with the archive, from the first write that fails until writes have succeeded for a while: what to tell of it,
/// and what it cost. A pure value: it decides, the exporter logs.
///
/// It is told once when it begins, once for each further reason, and once at its end, however many batches it hits. A disk
/// on which small batches find room and large ones don't is one trouble, not many: an end is an end only after ``quietNs``.
struct ExportTrouble {
    /// What one trouble did to batches that were on their way.
    struct Cost: Equatable {
        /// Batches and rows that were given up.
        var lostBatches: UInt64 = 0
        var lostRows: UInt64 = 0
        /// Batches and rows that were kept and written later.
        var rescuedBatches: UInt64 = 0
        var rescuedRows: UInt64 = 0
    }

    /// A trouble that is over.
    struct Past: Equatable {
        let reason: ArchiveWriteError.Reason
        /// From the first failure to the last.
        let lastedNs: Int64
        /// Whether writing works again.
        let hasPassed: Bool
        let cost: Cost
    }

    private struct Present {
        var reason: ArchiveWriteError.Reason
        var told: Set<ArchiveWriteError.Reason>
        let beganNs: Int64
        var failedNs: Int64
        /// Whether a write succeeded after the last one that failed.
        var hasSucceeded = false
        var cost = Cost()
    }

    /// Nanoseconds without a failure after which a trouble is over: many times the archive's pause of a second.
    static let quietNs: Int64 = 5_000_000_000

    private var present: Present?

    /// Why writing fails; nil while there is no trouble.
    var reason: ArchiveWriteError.Reason? { present?.reason }
    /// Whether nothing was written since the last failure: somebody has to try.
    var needsTry: Bool { present.map { !$0.hasSucceeded } ?? false }

    /// A write failed.
    ///
    /// - Returns: Whether that is to be told.
    mutating func fail(_ reason: ArchiveWriteError.Reason, nowNs: Int64) -> Bool {
        guard var present else {
            present = Present(reason: reason, told: [reason], beganNs: nowNs, failedNs: nowNs)
            return true
        }
        present.reason = reason
        present.failedNs = nowNs
        present.hasSucceeded = false
        let isNew = present.told.insert(reason).inserted
        self.present = present
        return isNew
    }

    /// A write succeeded; of a batch that had been kept, its rows are `rescued`.
    mutating func succeed(rescued rows: Int? = nil) {
        present?.hasSucceeded = true
        guard let rows else { return }
        present?.cost.rescuedBatches += 1
        present?.cost.rescuedRows += UInt64(rows)
    }

    /// A batch was given up.
    mutating func lose(rows: Int) {
        present?.cost.lostBatches += 1
        present?.cost.lostRows += UInt64(rows)
    }

    /// The trouble that is over at this time, once; nil while it lasts, or where there is none.
    ///
    /// - Parameter isLast: Nothing more will be written, so that there is no while to wait for.
    mutating func end(nowNs: Int64, isLast: Bool = false) -> Past? {
        guard let present, present.hasSucceeded || isLast, nowNs - present.failedNs >= Self.quietNs || isLast else {
            return nil
        }
        self.present = nil
        return Past(
            reason: present.reason,
            lastedNs: present.failedNs - present.beganNs,
            hasPassed: present.hasSucceeded,
            cost: present.cost
        )
    }
}
