import Logging
import Synchronization
import TapioArchive
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioRings

/// Takes encoded batches and writes them into the archive, with the ledger's rows among them.
///
/// It is the only one who appends, so that what a segment's ledger rows say is what stands in the segment: before a segment
/// ends, an interval row for each kind closes its books. Runs on a queue of its own, since writing waits for the disk.
///
/// Where a write fails, the rest of the agent goes on: batches of the urgent lane are kept in a ``RetryQueue`` and written
/// before newer ones as soon as that is possible, bulk batches are given up at once. Whatever is given up counts as failed
/// and gets a gap row; until then it is in flight.
actor ArchiveExporter {
    private let executor = BlockingExecutor(label: "tapio.exporter")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let archive: Archive
    private let registry: SchemaRegistry
    private let ledger: Ledger
    private let readLedger: @Sendable () throws(KernelError) -> LedgerReading
    private let logger: Logger
    private let onRemoved: @Sendable (SegmentFacts) -> Void
    private let time: ExportClock
    private let encoder: BatchEncoder
    private var keeper: LedgerKeeper
    private var clock: ClockOffset
    private var nextLedgerRow: UInt64 = 0
    private var nextLedgerBatch: UInt64 = 0
    private var kept: RetryQueue
    private var trouble = ExportTrouble()
    private var repeats = RepeatGate()
    private var lostBatches: UInt64 = 0
    private var lastError: String?
    private let shown: Mutex<ExportStatus>

    /// Rows of one ledger batch; what does not fit is written by the next.
    private static let maxLedgerRows = 4096
    /// A little more than the archive's own pause after a failed write.
    private static let retryPauseNs: UInt64 = 1_100_000_000

    /// An exporter that writes to `archive`.
    ///
    /// - Parameters:
    ///   - readLedger: Reads the ledger as it is now.
    ///   - retryBytes: The most bytes of batches that wait to be tried again.
    ///   - memory: Where memory for encoding the ledger's rows comes from.
    ///   - onRemoved: Hears of each segment that retention removed; must not wait.
    init(
        archive: Archive,
        registry: SchemaRegistry,
        ledger: Ledger,
        clock: ClockOffset,
        logger: Logger,
        retryBytes: Int,
        memory: ScratchMemory = .heap,
        time: ExportClock = .system,
        onRemoved: @escaping @Sendable (SegmentFacts) -> Void = { _ in },
        readLedger: @escaping @Sendable () throws(KernelError) -> LedgerReading
    ) throws(KernelError) {
        self.archive = archive
        self.registry = registry
        self.ledger = ledger
        self.readLedger = readLedger
        self.clock = clock
        self.logger = logger
        self.onRemoved = onRemoved
        self.time = time
        kept = RetryQueue(maxBytes: retryBytes)
        encoder = BatchEncoder(registry: registry, memory: memory)
        keeper = LedgerKeeper(registry: registry, since: try readLedger())
        shown = Mutex(ExportStatus(maxKeptBytes: retryBytes))
    }

    /// What the exporter does just now. Never waits for the disk.
    nonisolated var status: ExportStatus { shown.withLock { $0 } }

    /// Writes batches until there are no more.
    func consume(_ batches: EncodedBatches) async {
        for await encoded in batches {
            write(encoded.batch)
            // Written, given up, or kept under a bound of its own: the encoders may go on.
            encoded.settle()
        }
    }

    /// Uses another clock offset for the ledger's rows from now on, and says so in the archive.
    func update(clock new: ClockOffset, identity: ArchiveIdentity, atNs: Int64) {
        let step = new.utcMinusBootNs - clock.utcMinusBootNs
        clock = new
        archive.setIdentity(identity)
        var row = LedgerRow(.clock, fromNs: atNs, toNs: atNs)
        row.stage = "agent"
        row.reason = "clock_set"
        row.note = "UTC minus boot time is now \(new.utcMinusBootNs) ns, a change of \(step) ns"
        keeper.note(row)
    }

    /// Follows other policies from now on.
    func update(
        identity: ArchiveIdentity,
        sync: SyncPolicy,
        rotation: RotationPolicy,
        retention: RetentionPolicy
    ) {
        archive.update(sync: sync, rotation: rotation, retention: retention)
        archive.setIdentity(identity)
    }

    /// Remembers a row that is not a count; it is written with the next ones.
    func note(_ row: LedgerRow) { keeper.note(row) }

    /// Writes what the ledger has to say since it last did, if anything.
    func writeLedger() {
        if writeKept() {
            rotateIfDue()
            appendLedger()
        }
        report()
    }

    /// Closes the books of the open segment and seals it.
    func seal(_ reason: RotationReason) {
        writeKept()
        end(reason)
        report()
    }

    /// Looks whether the archive can be written again, seals a segment that is old enough, and lets the archive look after
    /// its limits.
    func maintain() {
        if trouble.needsTry, !archive.isPaused, writeKept() { appendLedger() }
        rotateIfDue()
        archive.maintain()
        tellEnd()
        report()
    }

    /// What was kept, the last rows, the seal, and the lock given back. What cannot be written by now is lost.
    func finish(_ last: LedgerRow) {
        keeper.note(last)
        if !writeKept() {
            pause()
            writeKept()
            while let entry = kept.popFirst() { giveUp(entry, trouble.reason ?? .other) }
        }
        if !appendLedger() {
            // The books are worth waiting for, once.
            pause()
            if !appendLedger() {
                logger.error("the last rows of the ledger are not in the archive: \(lastError ?? "no reason known")")
            }
        }
        archive.close()
        tellEnd(isLast: true)
        report()
    }

    // MARK: - Writing

    private func write(_ batch: ArchiveBatch) {
        defer { report() }
        let entry = RetryQueue.Entry(
            batch: batch,
            isCritical: batch.kinds.contains { isCritical(EventKind(rawValue: $0.kind)) },
            fromNs: batch.minTimestampNs - clock.utcMinusBootNs,
            toNs: batch.maxTimestampNs - clock.utcMinusBootNs
        )
        guard writeKept() else { return setAside(entry, trouble.reason ?? .other) }
        do throws(ArchiveWriteError) {
            try append(batch)
            trouble.succeed()
        } catch {
            fail(error)
            if error.mayBeTriedAgain { setAside(entry, error.reason) } else { giveUp(entry, error.reason) }
        }
    }

    /// Writes what was kept, oldest first, until a write fails.
    ///
    /// - Returns: Whether nothing is kept any more.
    @discardableResult
    private func writeKept() -> Bool {
        while let entry = kept.first {
            guard !archive.isPaused else { return false }
            do throws(ArchiveWriteError) {
                try append(entry.batch)
                _ = kept.popFirst()
                trouble.succeed(rescued: entry.batch.group.rowCount)
            } catch {
                fail(error)
                guard !error.mayBeTriedAgain else { return false }
                _ = kept.popFirst()
                giveUp(entry, error.reason)
            }
        }
        return true
    }

    private func append(_ batch: ArchiveBatch) throws(ArchiveWriteError) {
        if let reason = archive.rotationDue(before: batch) { end(reason) }
        try archive.append(batch)
        ledger.countWritten(batch)
        rotateIfDue()
    }

    private func rotateIfDue() {
        if let reason = archive.rotationDue() { end(reason) }
    }

    /// The ledger's rows for the open segment, and its seal.
    private func end(_ reason: RotationReason) {
        guard archive.openPath != nil else { return }
        appendLedger()
        archive.seal(reason)
    }

    private func isCritical(_ kind: EventKind) -> Bool {
        // A kind that nobody declared has no priority that would allow to lose it first.
        registry.schema(of: kind).map { $0.priority == .critical } ?? true
    }

    // MARK: - Failing

    private func fail(_ error: ArchiveWriteError) {
        if !error.isRepeated { lastError = error.description }
        guard trouble.fail(error.reason, nowNs: time.monotonicNs()) else { return }
        let cause = error.cause.map { ": \($0)" } ?? ""
        let most = HumanUnits.bytes(Int64(kept.maxBytes))
        logger.error(
            "the archive cannot be written (\(error.reason.rawValue)\(cause)); up to \(most) of urgent events are kept, other events are lost and counted until this passes; collecting goes on"
        )
    }

    /// Keeps a batch of the urgent lane; one of bulk is not worth the memory.
    private func setAside(_ entry: RetryQueue.Entry, _ reason: ArchiveWriteError.Reason) {
        guard entry.batch.lane != Lane.bulk.rawValue else { return giveUp(entry, reason) }
        for lost in kept.keep(entry) { giveUp(lost, reason) }
    }

    private func giveUp(_ entry: RetryQueue.Entry, _ reason: ArchiveWriteError.Reason) {
        ledger.countLost(entry.batch)
        for (kind, count) in entry.batch.events {
            keeper.note(
                lost: count,
                of: kind,
                stage: "archive",
                reason: reason.rawValue,
                fromNs: entry.fromNs,
                toNs: entry.toNs
            )
        }
        lostBatches += 1
        trouble.lose(rows: entry.batch.group.rowCount)
    }

    private func pause() {
        report()
        time.sleep(Self.retryPauseNs)
    }

    /// - Returns: Whether nothing is left to write.
    @discardableResult
    private func appendLedger() -> Bool {
        let reading: LedgerReading
        do throws(KernelError) {
            reading = try readLedger()
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
            trouble.succeed()
            return true
        } catch {
            // Not committed: the next rows cover this time as well.
            fail(error)
            return false
        }
    }

    // MARK: - What the archive tells

    private func report() {
        for event in archive.takeEvents() { tell(event) }
        show()
    }

    private func show() {
        var status = ExportStatus(maxKeptBytes: kept.maxBytes)
        status.trouble = trouble.reason
        status.lastError = lastError
        status.keptBatches = kept.count
        status.keptBytes = kept.bytes
        status.keptBytesHighWater = kept.highWaterBytes
        status.lostBatches = lostBatches
        shown.withLock { $0 = status }
    }

    private func tellEnd(isLast: Bool = false) {
        guard let past = trouble.end(nowNs: time.monotonicNs(), isLast: isLast) else { return }
        let cost = past.cost
        let lost = "\(cost.lostRows) rows in \(cost.lostBatches) batches were lost"
        let rescued = "\(cost.rescuedRows) rows in \(cost.rescuedBatches) batches were kept and written"
        let what = past.hasPassed ? "can be written again" : "could not be written to the end"
        let lasted = HumanUnits.duration(ns: past.lastedNs)
        logger.notice("the archive \(what) (\(past.reason.rawValue), for \(lasted)): \(lost), \(rescued)")
    }

    private func tell(_ event: ArchiveEvent) {
        switch event {
        case .sealed(let facts, let reason):
            logger.info(
                "sealed \(facts.relativePath): \(facts.totals.rows) rows, \(facts.bytes) bytes (\(reason.rawValue))"
            )
        case .leftOpen(let path, let rows, let error):
            tell(
                .error,
                "left_open",
                "\(path): not sealed (\(error)); its \(rows) rows are recovered at the latest at the next start"
            )
        case .writeFailed: break  // told by `fail`
        case .syncFailed(let path, let rows, let error):
            tell(
                .error,
                "sync_failed",
                "\(path): not synced (\(error)); a power cut now could take \(rows) rows"
            )
        case .deleted(let deletion): note(deletion)
        case .retentionFailed(let error): tell(.warning, "retention_failed", "retention: \(error)")
        case .compactionUnsettled(let error):
            let rest = "nothing is compacted until the agent starts and can read it"
            tell(.warning, "compaction_unsettled", "a compaction that a crash ended: \(error); \(rest)")
        case .retentionExhausted(let bytes, let available):
            let free = available.map { "\($0)" } ?? "unknown"
            tell(
                .warning,
                "retention_exhausted",
                "retention: nothing is left to delete, the archive has \(bytes) bytes, free: \(free)"
            )
        case .catalogueFailed(let error):
            tell(.warning, "catalogue_failed", "catalogue not written (only a cache): \(error)")
        case .foreignFile(let path): logger.warning("\(path) in the archive is not Tapio's; it is left alone")
        }
    }

    /// Logs what may come again every second, but not that often.
    private func tell(_ level: Logger.Level, _ sort: String, _ line: @autoclosure () -> String) {
        guard let more = repeats.pass(sort, nowNs: time.monotonicNs()) else { return }
        logger.log(level: level, "\(line())\(more)")
    }

    private func note(_ deletion: RetentionDeletion) {
        onRemoved(deletion.segment)
        let totals = deletion.segment.totals
        let bytes = deletion.segment.bytes + deletion.twinBytes
        let what = "\(deletion.segment.relativePath): \(totals.rows) rows, \(bytes) bytes"
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
