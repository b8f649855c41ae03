/// All that an open archive knows; ``Archive`` guards it with its lock.
struct ArchiveState: Sendable {
    /// A failed write, after which nothing is tried for a while.
    struct Failure: Sendable {
        var cause: FileError
        var untilNs: Int64
    }

    let directory: String
    var options: ArchiveOptions
    var identity: ArchiveIdentity
    var lock: ArchiveLock?
    var open: SegmentWriter?
    /// Segments that could not be sealed; tried again before the next one is opened.
    var unsealed: [SegmentWriter] = []
    /// Sealed segments, oldest first.
    var sealed: [SegmentFacts]
    /// Sealed ones of which one is to be made.
    var holds = SegmentHolds()
    var nextSequence: UInt64
    var previous: String
    var annotations: [Prologue.Fact] = []
    var failure: Failure?
    var lastSyncNs: Int64
    /// Whether events that are not durable yet were older than the interval between syncs when they were appended.
    private var hasWaited = false
    var lastRetentionNs: Int64
    var isExhaustionKnown = false
    var counters = ArchiveCounters()
    private(set) var events: [ArchiveEvent] = []

    /// More are dropped, and counted: nobody seems to read them.
    private static let maxEvents = 1024
    /// More are left to recovery: each holds a descriptor and its metadata.
    private static let maxUnsealed = 4

    init(
        directory: String,
        options: ArchiveOptions,
        lock: ArchiveLock,
        sealed: [SegmentFacts],
        nextSequence: UInt64
    ) {
        self.directory = directory
        self.options = options
        self.identity = options.identity
        self.lock = lock
        self.sealed = sealed.sorted { $0.name < $1.name }
        self.nextSequence = nextSequence
        previous = self.sealed.last?.name.description ?? ""
        lastSyncNs = options.clock.monotonicNs()
        lastRetentionNs = lastSyncNs
    }

    private var nowNs: Int64 { options.clock.monotonicNs() }

    mutating func note(_ event: ArchiveEvent) {
        if events.count < Self.maxEvents { events.append(event) } else { counters.eventsDropped += 1 }
    }

    mutating func takeEvents() -> [ArchiveEvent] {
        defer { events = [] }
        return events
    }

    // MARK: Writing

    mutating func append(_ batch: ArchiveBatch) throws(ArchiveWriteError) {
        let rows = batch.group.rowCount
        guard rows > 0 else { return }
        try refuseIfImpossible(batch)
        let now = nowNs
        if let failure, now < failure.untilNs {
            throw refuse(ArchiveWriteError.reason(for: failure.cause), rows, cause: failure.cause, isRepeated: true)
        }
        if let reason = ownRotation(nowNs: now, next: batch) { seal(reason) }
        do throws(FileError) {
            var segment = try takeSegment(for: batch, nowNs: now)
            // Put back also when it throws: what was written before must be sealed.
            defer { open = segment }
            try segment.append(batch)
            if options.sync == .batch {
                try segment.sync()
                tellDurable(&segment)
            }
        } catch {
            giveUpSegment(after: error, nowNs: now)
            let refusal = refuse(ArchiveWriteError.reason(for: error), rows, cause: error, isRepeated: false)
            note(.writeFailed(refusal))
            throw refusal
        }
        failure = nil
        counters.batchesWritten += 1
        counters.rowsWritten += UInt64(rows)
        counters.groupBytesWritten += UInt64(batch.group.bytes.count)
        if case .interval(let interval) = options.sync, options.clock.utcNs() - batch.minTimestampNs >= interval {
            hasWaited = true
        }
        if let reason = ownRotation(nowNs: now, next: nil) { seal(reason) }
    }

    /// Why the open segment ends now, unless it is the caller who ends it.
    private func ownRotation(nowNs: Int64, next: ArchiveBatch?) -> RotationReason? {
        guard options.sealing == .automatic, let open else { return nil }
        return options.rotation.reason(toSeal: open, nowNs: nowNs, next: next)
    }

    private mutating func refuseIfImpossible(_ batch: ArchiveBatch) throws(ArchiveWriteError) {
        let group = batch.group
        guard lock != nil else { throw refuse(.closed, group.rowCount, cause: nil, isRepeated: false) }
        guard group.bytes.count <= ArchiveFormat.maxPayloadLength, group.rowCount <= Int(UInt32.max),
            group.columns.count <= options.schema.columns.count
        else { throw refuse(.tooLarge, group.rowCount, cause: nil, isRepeated: false) }
    }

    private mutating func refuse(
        _ reason: ArchiveWriteError.Reason,
        _ rows: Int,
        cause: FileError?,
        isRepeated: Bool
    ) -> ArchiveWriteError {
        counters.rowsFailed[reason, default: 0] += UInt64(rows)
        counters.batchesFailed[reason, default: 0] += 1
        return ArchiveWriteError(reason: reason, rows: rows, cause: cause, isRepeated: isRepeated)
    }

    private mutating func takeSegment(for batch: ArchiveBatch, nowNs: Int64) throws(FileError) -> SegmentWriter {
        if let open { return open }
        sealUnsealed()
        let hourDirectory = "\(directory)/\(ArchiveHour(timestampNs: max(0, batch.minTimestampNs)).path)"
        _ = try options.fileSystem.makeDirectories(hourDirectory)
        let name = SegmentName(
            startMicros: max(0, batch.minTimestampNs) / 1000,
            bootID: identity.bootID,
            sequence: nextSequence
        )
        nextSequence += 1
        return try SegmentWriter(
            name: name,
            directory: hourDirectory,
            prologue: prologue(sequence: name.sequence),
            openedAtNs: nowNs,
            // Also where they were there before: an earlier segment may have made them, and failed to sync them.
            unsyncedDirectories: [FilePath.directory(of: hourDirectory), directory],
            interimFooters: .rationed,
            fileSystem: options.fileSystem
        )
    }

    private func prologue(sequence: UInt64) -> Prologue {
        let facts = [
            (SegmentKey.schemaVersion, identity.schemaVersion), (SegmentKey.node, identity.node),
            (SegmentKey.bootID, identity.bootID), (SegmentKey.runID, identity.runID),
            (SegmentKey.clockOffset, String(identity.clockOffsetNs)), (SegmentKey.sequence, String(sequence)),
            (SegmentKey.previous, previous), (SegmentKey.configHash, identity.configHash),
            (SegmentKey.recovered, "false"),
        ]
        return Prologue(
            schema: options.schema,
            createdBy: identity.createdBy,
            facts: facts.map { Prologue.Fact(key: $0.0, value: $0.1) },
            totals: nil
        )
    }

    /// After a failed write: make room, close what is whole, and wait before the next try.
    private mutating func giveUpSegment(after error: FileError, nowNs: Int64) {
        failure = Failure(cause: error, untilNs: nowNs + options.retryPauseNs)
        if open?.isEmpty == true { discardOpen() }
        enforceRetention()
        if error.call == SyncWork.call { leaveOpen(because: error) } else { seal(.failure) }
    }

    private mutating func discardOpen() {
        open?.discard()
        open = nil
    }

    // MARK: Sealing

    mutating func seal(_ reason: RotationReason) {
        guard var segment = open else { return }
        guard !segment.isEmpty else { return discardOpen() }
        open = nil
        do throws(FileError) {
            try segment.seal(closingFacts: annotations)
            tellDurable(&segment)
            noteSealed(segment, reason)
        } catch {
            setAside(segment, because: error)
        }
    }

    /// After a sync that failed, the kernel may call the next one a success though data was dropped: such a segment is
    /// left to recovery, which reads it back and writes it anew.
    mutating func leaveOpen(because error: FileError) {
        guard let segment = open else { return }
        open = nil
        setAside(segment, because: error)
    }

    private mutating func setAside(_ segment: SegmentWriter, because error: FileError) {
        counters.segmentsLeftOpen += 1
        note(.leftOpen(path: segment.openPath, rows: segment.totals.rows, error))
        previous = segment.name.description
        if error.call != SyncWork.call, unsealed.count < Self.maxUnsealed { unsealed.append(segment) }
    }

    mutating func sealUnsealed() {
        let waiting = unsealed
        unsealed = []
        for var segment in waiting {
            do throws(FileError) {
                try segment.seal(closingFacts: annotations)
                tellDurable(&segment)
                noteSealed(segment, .failure)
            } catch {
                if error.call != SyncWork.call { unsealed.append(segment) }
            }
        }
    }

    private mutating func noteSealed(_ segment: SegmentWriter, _ reason: RotationReason) {
        let facts = SegmentFacts(
            name: segment.name,
            relativePath: "\(segment.hour.path)/\(segment.name.fileName(.sealed))",
            bytes: segment.end,
            totals: segment.totals,
            isRecovered: false
        )
        insert(facts)
        previous = segment.name.description
        counters.segmentsSealed[reason, default: 0] += 1
        note(.sealed(facts, reason))
        enforceRetention()
        saveCatalogue()
    }

    mutating func insert(_ facts: SegmentFacts) {
        let place = sealed.lastIndex { $0.name < facts.name }.map { $0 + 1 } ?? 0
        sealed.insert(facts, at: place)
    }

    mutating func saveCatalogue() {
        do throws(FileError) {
            try Catalogue.save(sealed, directory, fileSystem: options.fileSystem)
        } catch {
            note(.catalogueFailed(error))
        }
    }

    // MARK: Time

    /// What time asks for even when nothing is appended: a quiet archive must not keep its last rows open for ever.
    mutating func maintain() {
        guard lock != nil else { return }
        let now = nowNs
        if let reason = ownRotation(nowNs: now, next: nil) { seal(reason) }
        if now - lastRetentionNs >= options.retentionIntervalNs {
            sealUnsealed()
            enforceRetention()
        }
    }

    /// How long until a sync is due, nanoseconds; nil where nothing is to be synced.
    var untilSyncNs: Int64? {
        guard case .interval(let interval) = options.sync, let open, open.needsSync else { return nil }
        return max(0, lastSyncNs + (hasWaited ? interval / Self.syncsOfWaiting : interval) - nowNs)
    }

    /// So many syncs may be made in an interval for events that have waited as long before they came here.
    private static let syncsOfWaiting: Int64 = 20

    /// The sync that is due, if any.
    mutating func takeDueSync() -> SyncWork? {
        guard untilSyncNs == 0, let open else { return nil }
        lastSyncNs = nowNs
        hasWaited = false
        return open.syncWork()
    }

    mutating func noteSynced(_ work: SyncWork) {
        counters.syncs += 1
        guard var segment = open, segment.name == work.name else { return }
        segment.noteSynced(work)
        tellDurable(&segment)
        open = segment
    }

    private mutating func tellDurable(_ segment: inout SegmentWriter) {
        let (groups, untimed) = segment.takeDurable()
        counters.groupsUntimed += untimed
        guard let tell = options.onDurable, !groups.isEmpty else { return }
        let now = options.clock.utcNs()
        for group in groups { tell(group, now) }
    }

    mutating func noteSyncFailed(_ work: SyncWork, _ error: FileError) {
        counters.syncFailures += 1
        note(.syncFailed(path: work.file.path, unsyncedRows: work.rows, error))
        guard open?.name == work.name else { return }
        failure = Failure(cause: error, untilNs: nowNs + options.retryPauseNs)
        leaveOpen(because: error)
    }

    mutating func close() {
        guard lock != nil else { return }
        seal(.close)
        sealUnsealed()
        unsealed = []
        RunningMark.clear(directory, fileSystem: options.fileSystem)
        lock = nil
    }
}
