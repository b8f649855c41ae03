import Synchronization
import TapioRings

/// A node's archive, open for writing: `<root>/node=<node>/`. The format is described in ArchiveFormat.swift.
///
/// May be used from any thread; calls take turns. ``append(_:)`` costs one write, ``syncIfDue()`` waits for the disk without
/// holding up the others, ``maintain()`` is to be called about once a second.
public final class Archive: Sendable {
    /// What a crash had left behind when the archive was opened, and what became of it.
    public let recovery: RecoveryReport
    /// `<root>/node=<node>`.
    public let directory: String
    private let state: Mutex<ArchiveState>
    /// A copy for those who only look: the lock on ``state`` is held while the disk works, which may take seconds.
    private let shown: Mutex<Shown>
    /// Rings when something was appended, for ``waitUntilSyncIsDue(upTo:)``.
    private let appended = Doorbell()
    private let appends = Atomic<UInt64>(0)

    private struct Shown {
        var counters: ArchiveCounters
        var segments: [SegmentFacts]
        var merging: Set<SegmentName>
        var openPath: String?
        var openedAtNs: Int64?
        let clock: any ArchiveClock

        init(_ state: ArchiveState) {
            counters = state.counters
            segments = state.sealed
            merging = state.holds.merging
            openPath = state.open?.openPath
            openedAtNs = state.open?.openedAtNs
            clock = state.options.clock
        }
    }

    /// Opens the archive under `root` for the node that `options` name, and makes its directories.
    ///
    /// Takes the lock, recovers what a crash left behind, reads the catalogue (or makes it anew), and deletes what exceeds
    /// the limits. Takes as long as reading the orphans needs, usually one of at most 256 MiB.
    public static func open(root: String, options: ArchiveOptions) throws(ArchiveOpenError) -> Archive {
        let node = options.identity.node
        guard !node.isEmpty, !node.utf8.contains(0), !node.utf8.contains(UInt8(ascii: "/")) else {
            throw .invalidNode(node)
        }
        let directory = "\(root)/node=\(node)"
        do throws(FileError) {
            for changed in try options.fileSystem.makeDirectories(directory) {
                try options.fileSystem.syncDirectory(changed)
            }
        } catch {
            throw .file(error)
        }
        let lock = try ArchiveLock(directory: directory, fileSystem: options.fileSystem)
        do throws(FileError) {
            return try Archive(directory: directory, options: options, lock: lock)
        } catch {
            throw .file(error)
        }
    }

    private init(directory: String, options: ArchiveOptions, lock: ArchiveLock) throws(FileError) {
        let fileSystem = options.fileSystem
        let settlement: Replacement.Settlement
        do throws(FileError) {
            settlement = try Replacement.settle(in: directory, fileSystem: fileSystem)
        } catch {
            // What is left of it counts as the journal says, and the agent has more to do than to compact.
            settlement = .unknown(error)
        }
        let found = try ArchiveTree(directory, fileSystem: fileSystem)
        var report = RecoveryReport()
        report.wasNeverClosed = RunningMark.set(directory, fileSystem: fileSystem)
        report.orphans = ArchiveRecovery(directory: directory, tree: found, fileSystem: fileSystem).run()

        var inventory = try ArchiveInventory(directory, fileSystem: fileSystem)
        var state = Self.state(directory, options, lock, inventory)
        state.enforceRetention()
        // A full disk may have stood in the way of recovery, and retention may have made room since.
        if report.orphans.contains(where: \.mayBeTriedAgain) {
            let settled = report.orphans.filter { !$0.mayBeTriedAgain }
            // Listed anew: what retention removed is not to be saved any more.
            let left = try ArchiveTree(directory, fileSystem: fileSystem)
            let rest = ArchiveRecovery(directory: directory, tree: left, fileSystem: fileSystem).run()
            report.orphans = settled + rest.filter { orphan in !settled.contains { $0.path == orphan.path } }
            inventory = try ArchiveInventory(directory, fileSystem: fileSystem)
            let events = state.takeEvents()
            let counters = state.counters
            state = Self.state(directory, options, lock, inventory)
            state.counters = counters
            for event in events { state.note(event) }
        }
        report.isCatalogueRebuilt = inventory.isCatalogueStale
        let leftAlone = report.orphans.filter { $0.outcome == .leftAlone }.map(\.path)
        report.foreign = inventory.foreign + leftAlone.map { String($0.dropFirst(directory.count + 1)) }
        report.recoveredAtNs = options.clock.utcNs()
        if case .unknown(let error) = settlement { state.note(.compactionUnsettled(error)) }
        for path in report.foreign { state.note(.foreignFile(path: path)) }
        if inventory.isCatalogueStale || !report.orphans.isEmpty { state.saveCatalogue() }
        self.recovery = report
        self.directory = directory
        shown = Mutex(Shown(state))
        self.state = Mutex(state)
    }

    /// Every change goes through here, so that what is shown is the state at the end of the last call.
    func withState<Result, Failure: Error>(
        _ body: (inout ArchiveState) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try state.withLock { state throws(Failure) in
            defer {
                let now = Shown(state)
                shown.withLock { $0 = now }
            }
            return try body(&state)
        }
    }

    private static func state(
        _ directory: String,
        _ options: ArchiveOptions,
        _ lock: ArchiveLock,
        _ inventory: ArchiveInventory
    ) -> ArchiveState {
        ArchiveState(
            directory: directory,
            options: options,
            lock: lock,
            sealed: inventory.sealed,
            nextSequence: (inventory.tree.entries.map(\.name.sequence).max() ?? 0) &+ 1
        )
    }

    deinit { close() }

    /// Writes a batch with one call to the system. When it returns, a crash of the process can't take the rows any more, and a
    /// power cut can't after the next sync (at once with ``SyncPolicy/batch``).
    ///
    /// May seal segments before and after. When it throws, the rows are not archived: count them as failed with the error's
    /// reason and go on. The damaged segment is closed as far as it is whole, retention makes room, and after a second's
    /// pause, during which every call fails at once, a new segment is tried. (With ``SyncPolicy/batch``, a failed sync throws
    /// though the rows may turn up after a restart.)
    public func append(_ batch: ArchiveBatch) throws(ArchiveWriteError) {
        try withState { state throws(ArchiveWriteError) in try state.append(batch) }
        // Pairs with the acquiring loads of the one who waits.
        appends.add(1, ordering: .releasing)
        appended.ring()
    }

    /// Why the open segment should end, before `batch` where one is given, or nil: the moment to append the ledger's rows.
    public func rotationDue(before batch: ArchiveBatch? = nil) -> RotationReason? {
        state.withLock { state in
            guard let open = state.open else { return nil }
            let now = state.options.clock.monotonicNs()
            return state.options.rotation.reason(toSeal: open, nowNs: now, next: batch)
        }
    }

    /// Makes what was appended durable if the policy is ``SyncPolicy/interval(ns:)`` and it is time. Waits for the disk;
    /// meanwhile others may append. Call it on a thread that may wait, a few times in each interval.
    /// - Returns: Whether a sync was made and succeeded.
    @discardableResult
    public func syncIfDue() -> Bool {
        guard let work = withState({ $0.takeDueSync() }) else { return false }
        return carryOut(work)
    }

    /// Sleeps until ``syncIfDue()`` has something to do, at most for `limit`: what is appended while no sync was made for an
    /// interval is due at once. One thread at a time.
    /// - Returns: Whether a sync is due.
    public func waitUntilSyncIsDue(upTo limit: Duration) -> Bool {
        let deadlineNs = MonotonicClock.monotonicNs &+ UInt64(max(0, limit / .nanoseconds(1)))
        while true {
            let seen = appends.load(ordering: .acquiring)
            let until = state.withLock { $0.untilSyncNs }
            if until == 0 { return true }
            let now = MonotonicClock.monotonicNs
            guard now < deadlineNs else { return false }
            let rest = Int64(clamping: deadlineNs - now)
            let _: Void? = appended.wait(upTo: .nanoseconds(min(rest, until ?? rest))) {
                appends.load(ordering: .acquiring) != seen ? () : nil
            }
        }
    }

    /// Makes all that was appended durable now, whatever the policy.
    /// - Returns: Whether that succeeded, or nothing was to be done.
    @discardableResult
    public func sync() -> Bool {
        let work = state.withLock { state in state.open.flatMap { $0.needsSync ? $0.syncWork() : nil } }
        return work.map(carryOut) ?? true
    }

    private func carryOut(_ work: SyncWork) -> Bool {
        do throws(FileError) {
            try work.run()
            withState { $0.noteSynced(work) }
            return true
        } catch {
            withState { $0.noteSyncFailed(work, error) }
            return false
        }
    }

    /// Seals a segment that is old enough and looks after the limits, also when nothing is appended.
    public func maintain() { withState { $0.maintain() } }

    /// Seals the open segment now; the next batch opens a new one.
    public func seal(_ reason: RotationReason = .close) { withState { $0.seal(reason) } }

    /// Follows other policies from now on.
    public func update(sync: SyncPolicy, rotation: RotationPolicy, retention: RetentionPolicy) {
        state.withLock { state in
            state.options.sync = sync
            state.options.rotation = rotation
            state.options.retention = retention
        }
    }

    /// Seals the open segment and releases the lock. Later appends fail with reason `closed`.
    public func close() { withState { $0.close() } }

    /// Sets a key-value for the footers of all segments sealed from now on, such as the totals of losses.
    public func annotate(_ key: String, _ value: String) {
        state.withLock { state in
            state.annotations.removeAll { $0.key == key }
            state.annotations.append(Prologue.Fact(key: key, value: value))
        }
    }

    /// Changes who writes (a new clock offset, a new configuration) from the next segment on. The node stays.
    public func setIdentity(_ identity: ArchiveIdentity) {
        state.withLock { state in
            let node = state.identity.node
            state.identity = identity
            state.identity.node = node
        }
    }

    /// What happened since the last call, oldest first. At most 1,024 are kept; the counters say how many were dropped.
    public func takeEvents() -> [ArchiveEvent] { withState { $0.takeEvents() } }

    /// Counters since the archive was opened. Never waits for the disk; neither do the two below.
    public var counters: ArchiveCounters { shown.withLock { $0.counters } }

    /// All sealed segments, oldest first.
    public var segments: [SegmentFacts] { shown.withLock { $0.segments } }

    /// Whether a sealed segment is there and not on its way into another one: others may begin to work with it. Never waits
    /// for the disk.
    public func isAvailable(_ name: SegmentName) -> Bool {
        shown.withLock { shown in
            !shown.merging.contains(name) && shown.segments.contains { $0.name == name }
        }
    }

    /// Rows of the open segment that a power cut now would take.
    public var unsyncedRows: Int64 { state.withLock { $0.open?.unsyncedRows ?? 0 } }

    /// The open segment's path, or nil between segments.
    public var openPath: String? { shown.withLock { $0.openPath } }

    /// How long the open segment has been so, nanoseconds; nil between segments. Never waits for the disk.
    public var openAgeNs: Int64? {
        shown.withLock { shown in shown.openedAtNs.map { max(0, shown.clock.monotonicNs() - $0) } }
    }

    /// Whether the pause after a failed write lasts: an append would be refused without being tried.
    public var isPaused: Bool {
        state.withLock { state in
            guard let failure = state.failure else { return false }
            return state.options.clock.monotonicNs() < failure.untilNs
        }
    }
}

extension RecoveryReport.Orphan {
    fileprivate var mayBeTriedAgain: Bool {
        if case .failed = outcome { return true }
        return false
    }
}
