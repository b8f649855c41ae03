import Logging
import TapioArchive
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioRings

/// Takes encoded batches and writes them into the archive, with the ledger's rows among them.
///
/// It is the only one who appends, so that what a segment's ledger rows say is what stands in the segment: before a segment
/// ends, an interval row for each kind closes its books. Runs on a queue of its own, since writing waits for the disk.
actor ArchiveExporter {
    private let executor = BlockingExecutor(label: "tapio.exporter")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let archive: Archive
    private let registry: SchemaRegistry
    private let ledger: Ledger
    private let plane: KernelPlane
    private let logger: Logger
    private let encoder: BatchEncoder
    private var keeper: LedgerKeeper
    private var clock: ClockOffset
    private var nextLedgerRow: UInt64 = 0
    private var nextLedgerBatch: UInt64 = 0
    private var trouble: ArchiveWriteError.Reason?
    private(set) var lastError: String?

    /// Rows of one ledger batch; what does not fit is written by the next.
    private static let maxLedgerRows = 4096
    /// A little more than the archive's own pause after a failed write.
    private static let retryPauseNs: UInt64 = 1_100_000_000

    init(
        archive: Archive,
        registry: SchemaRegistry,
        ledger: Ledger,
        plane: KernelPlane,
        clock: ClockOffset,
        logger: Logger
    ) throws(KernelError) {
        self.archive = archive
        self.registry = registry
        self.ledger = ledger
        self.plane = plane
        self.clock = clock
        self.logger = logger
        encoder = BatchEncoder(registry: registry)
        keeper = LedgerKeeper(
            registry: registry,
            since: try LedgerReading.now(ledger: ledger, plane: plane, registry: registry)
        )
    }

    /// Writes batches until there are no more.
    func consume(_ batches: EncodedBatches) async {
        for await encoded in batches {
            write(encoded.batch)
            encoded.settle()
        }
    }

    /// Uses another clock offset for the ledger's rows from now on, and says so in the archive.
    func update(clock new: ClockOffset, atNs: Int64) {
        let step = new.utcMinusBootNs - clock.utcMinusBootNs
        clock = new
        var row = LedgerRow(.clock, fromNs: atNs, toNs: atNs)
        row.stage = "agent"
        row.reason = "clock_set"
        row.note = "UTC minus boot time is now \(new.utcMinusBootNs) ns, a change of \(step) ns"
        keeper.note(row)
    }

    /// Remembers a row that is not a count; it is written with the next ones.
    func note(_ row: LedgerRow) { keeper.note(row) }

    /// Writes what the ledger has to say since it last did, if anything.
    func writeLedger() {
        rotateIfDue()
        appendLedger()
    }

    /// Closes the books of the open segment and seals it.
    func seal(_ reason: RotationReason) {
        guard archive.openPath != nil else { return }
        appendLedger()
        archive.seal(reason)
        report()
    }

    /// Seals a segment that is old enough, and lets the archive look after its limits.
    func maintain() {
        rotateIfDue()
        archive.maintain()
        report()
    }

    /// The last rows, the seal, and the lock given back.
    func finish(_ last: LedgerRow) {
        keeper.note(last)
        if !appendLedger() {
            // After a failure the archive pauses for a second; the books are worth waiting for that, once.
            MonotonicClock.sleep(nanoseconds: Self.retryPauseNs)
            if !appendLedger() {
                logger.error("the last rows of the ledger are not in the archive: \(lastError ?? "no reason known")")
            }
        }
        archive.close()
        report()
    }

    // MARK: - Writing

    private func write(_ batch: ArchiveBatch) {
        if let reason = archive.rotationDue(before: batch) { seal(reason) }
        do throws(ArchiveWriteError) {
            try archive.append(batch)
            for total in batch.kinds {
                let kind = EventKind(rawValue: total.kind)
                ledger.add(.archived, kind, UInt64(total.eventRows))
                if total.aggregatedEvents > 0 { ledger.add(.aggregated, kind, total.aggregatedEvents) }
            }
            recovered()
        } catch {
            lose(batch, error)
        }
        rotateIfDue()
        report()
    }

    private func rotateIfDue() {
        if let reason = archive.rotationDue() { seal(reason) }
    }

    private func lose(_ batch: ArchiveBatch, _ error: ArchiveWriteError) {
        let fromNs = batch.minTimestampNs - clock.utcMinusBootNs
        let toNs = batch.maxTimestampNs - clock.utcMinusBootNs
        for total in batch.kinds {
            let kind = EventKind(rawValue: total.kind)
            ledger.add(.failed, kind, total.events)
            keeper.note(
                lost: total.events,
                of: kind,
                stage: "archive",
                reason: error.reason.rawValue,
                fromNs: fromNs,
                toNs: toNs
            )
        }
        lastError = error.description
        // Once for each trouble, not for each batch.
        if trouble != error.reason {
            trouble = error.reason
            logger.error("\(error); events are lost and counted until this passes, collecting goes on")
        }
    }

    private func recovered() {
        guard let past = trouble else { return }
        trouble = nil
        logger.notice("the archive can be written again (it could not: \(past.rawValue))")
    }

    /// - Returns: Whether nothing is left to write.
    @discardableResult
    private func appendLedger() -> Bool {
        let reading: LedgerReading
        do throws(KernelError) {
            reading = try LedgerReading.now(ledger: ledger, plane: plane, registry: registry)
        } catch {
            logger.error("the kernel's counters cannot be read, so the ledger is not written: \(error)")
            return false
        }
        let rows = keeper.rows(for: reading)
        guard !rows.isEmpty else { return true }
        var built = LedgerRows(firstSequence: nextLedgerRow, rows: min(max(rows.count, 16), Self.maxLedgerRows))
        for row in rows where !built.append(row, atNs: reading.snapshot.takenAtNs) {
            logger.error("the ledger has more rows than fit (\(rows.count)); it is written later")
            return false
        }
        var batch = encoder.encode(built.batch, clock: clock)
        batch.lane = 2
        batch.sequence = nextLedgerBatch
        do throws(ArchiveWriteError) {
            try archive.append(batch)
            keeper.commit(reading)
            nextLedgerRow = built.nextSequence
            nextLedgerBatch += 1
            return true
        } catch {
            // Not committed: the next rows cover this time as well.
            lastError = error.description
            return false
        }
    }

    // MARK: - What the archive tells

    private func report() {
        for event in archive.takeEvents() {
            switch event {
            case .sealed(let facts, let reason):
                logger.info(
                    "sealed \(facts.relativePath): \(facts.totals.rows) rows, \(facts.bytes) bytes (\(reason.rawValue))"
                )
            case .leftOpen(let path, let rows, let error):
                logger.error(
                    "\(path): not sealed (\(error)); its \(rows) rows are recovered at the latest at the next start"
                )
            case .writeFailed: break  // told by `lose`
            case .syncFailed(let path, let rows, let error):
                logger.error("\(path): not synced (\(error)); a power cut now could take \(rows) rows")
            case .deleted(let deletion): note(deletion)
            case .retentionFailed(let error): logger.warning("retention: \(error)")
            case .retentionExhausted(let bytes, let available):
                let free = available.map { "\($0)" } ?? "unknown"
                logger.warning("retention: nothing is left to delete, the archive has \(bytes) bytes, free: \(free)")
            case .catalogueFailed(let error): logger.warning("catalogue not written (only a cache): \(error)")
            case .foreignFile(let path): logger.warning("\(path) in the archive is not Tapio's; it is left alone")
            }
        }
    }

    private func note(_ deletion: RetentionDeletion) {
        let totals = deletion.segment.totals
        let what = "\(deletion.segment.relativePath): \(totals.rows) rows, \(deletion.segment.bytes) bytes"
        logger.notice("retention (\(deletion.reason.rawValue)) removed \(what)")
        var row = LedgerRow(
            .retention,
            fromNs: (totals.minTimestampNs ?? 0) - clock.utcMinusBootNs,
            toNs: (totals.maxTimestampNs ?? 0) - clock.utcMinusBootNs
        )
        row.stage = "archive"
        row.reason = deletion.reason.rawValue
        row.count = UInt64(clamping: totals.rows)
        row.note = what
        keeper.note(row)
    }
}
