import TapioArchive
import TapioEvents
import TapioPipeline

/// Writes the row groups of a replay and the ledger's rows among them, as ``ArchiveExporter`` does in an agent: before a
/// segment ends, its books are closed. On one thread, and what cannot be written ends the replay.
final class ReplayWriter {
    private let archive: Archive
    private let registry: SchemaRegistry
    private let ledger: Ledger
    private let encoder: BatchEncoder
    private var keeper: LedgerKeeper
    private var nextRow: UInt64 = 0
    private var nextBatch: UInt64 = 0
    /// Boot time of what was read last, nanoseconds.
    var nowNs: Int64
    /// UTC minus boot time.
    var clock: ClockOffset
    /// What the kernel's programs counted, once all records have been read.
    var counts: [RecordedCounts]?

    /// Rows of one ledger batch.
    private static let mostRows = 4096

    init(_ archive: Archive, registry: SchemaRegistry, ledger: Ledger, clock: ClockOffset, nowNs: Int64) {
        self.archive = archive
        self.registry = registry
        self.ledger = ledger
        self.clock = clock
        self.nowNs = nowNs
        encoder = BatchEncoder(registry: registry)
        keeper = LedgerKeeper(
            registry: registry,
            since: LedgerReading(snapshot: LedgerSnapshot(takenAtNs: nowNs, entries: [:]))
        )
    }

    func note(_ row: LedgerRow) { keeper.note(row) }

    func write(_ batch: ArchiveBatch) throws(ArchiveWriteError) {
        if let reason = archive.rotationDue(before: batch) { try end(reason) }
        try archive.append(batch)
        ledger.countWritten(batch)
        if let reason = archive.rotationDue() { try end(reason) }
    }

    /// Closes the books of all, with what the kernel counted.
    func finish(_ counts: [RecordedCounts], _ last: LedgerRow) throws(ArchiveWriteError) {
        self.counts = counts
        for count in counts {
            // What the rings gave and the recording lacks.
            let received = ledger.value(.received, count.kind)
            if count.submitted > received {
                let missing = count.submitted - received
                ledger.add(.received, count.kind, missing)
                ledger.add(.failed, count.kind, missing)
                lose(missing, count.kind, stage: "agent", reason: "not_recorded")
            }
            lose(count.ringFull, count.kind, stage: "kernel", reason: "ring_full")
        }
        keeper.note(last)
        try appendLedger()
        archive.close()
    }

    private func lose(_ count: UInt64, _ kind: EventKind, stage: String, reason: String) {
        keeper.note(lost: count, of: kind, stage: stage, reason: reason, fromNs: nowNs, toNs: nowNs)
    }

    private func end(_ reason: RotationReason) throws(ArchiveWriteError) {
        guard archive.openPath != nil else { return }
        try appendLedger()
        archive.seal(reason)
    }

    private func appendLedger() throws(ArchiveWriteError) {
        let reading = LedgerReading(snapshot: LedgerSnapshot(takenAtNs: nowNs, entries: entries()))
        let rows = keeper.rows(for: reading)
        guard !rows.isEmpty else { return }
        var built = LedgerRows(firstSequence: nextRow, rows: min(max(rows.count, 16), Self.mostRows))
        for row in rows {
            // A few rows for each kind: far fewer than fit.
            guard built.append(row, atNs: nowNs) else { break }
        }
        var batch = encoder.encode(built.batch, clock: clock)
        batch.lane = BatchEncoder.ledgerLane
        batch.sequence = nextBatch
        try archive.append(batch)
        keeper.commit(reading)
        nextRow = built.nextSequence
        nextBatch += 1
    }

    private func entries() -> [EventKind: LedgerEntry] {
        var entries: [EventKind: LedgerEntry] = [:]
        for kind in registry.schemas.map(\.kind) where kind != .ledger {
            var entry = LedgerEntry()
            ledger.read(into: &entry, kind)
            // Until the end, what programs decided before is known of those records alone that are here.
            entry.attempted = entry.received
            entry.submitted = entry.received
            counts?.first { $0.kind == kind }?.store(in: &entry)
            if !entry.isEmpty { entries[kind] = entry }
        }
        return entries
    }
}
