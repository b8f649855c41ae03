import Logging
import Synchronization
import TapioArchive
import TapioEvents
import TapioExport
import TapioRings

/// The thread that makes old segments of the agent's own archive fewer and smaller, within a share of a CPU.
///
/// It has the lowest priority, and rests after each piece of work as long as its budget asks. What it works on is decided
/// by ``LiveCompaction``; here is when, how fast, and what is told of it.
final class BackgroundCompactor: Sendable {
    /// What it may do.
    struct Settings: Sendable, Hashable {
        var isEnabled = true
        /// Share of a CPU.
        var cpuBudget = 0.05
        var policy = Compaction.Policy()
    }

    private struct State: Sendable {
        var settings: Settings
        var status = StatusReport.Compaction()
    }

    private let archive: Archive
    private let exports: ExportDesk
    private let logger: Logger
    private let meter: CPUMeter
    private let state: Mutex<State>
    /// Rings when there is something to heed: other settings, or the end.
    private let bell = Doorbell()
    private let changes = Atomic<UInt64>(0)
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<PinnedThread?>(nil)

    /// Between two looks at the archive, nanoseconds.
    private static let shortestPauseNs: Int64 = 1_000_000_000
    private static let longestPauseNs: Int64 = 60_000_000_000

    init(
        _ archive: Archive,
        exports: ExportDesk,
        settings: Settings,
        logger: Logger,
        meter: CPUMeter = .thread
    ) {
        self.archive = archive
        self.exports = exports
        self.logger = logger
        self.meter = meter
        state = Mutex(State(settings: settings))
    }

    /// What it did since the start. Never waits.
    var status: StatusReport.Compaction {
        state.withLock { state in
            var status = state.status
            status.isEnabled = state.settings.isEnabled
            status.cpuBudget = state.settings.cpuBudget
            return status
        }
    }

    func start() throws(ThreadError) {
        let started = try PinnedThread(name: "tapio-compact", priority: .nice(19)) { [self] in work() }
        thread.withLock { $0 = started }
    }

    /// Follows other settings from now on; a merge that they forbid ends.
    func apply(_ settings: Settings) {
        state.withLock { $0.settings = settings }
        changes.add(1, ordering: .releasing)
        bell.ringAll()
    }

    /// Asks it to end, without waiting.
    func requestStop() {
        // Nothing else is shared by it.
        isStopping.store(true, ordering: .relaxed)
        bell.ringAll()
    }

    /// Returns when the thread has ended: a merge is given up, a replacement that was begun is carried out.
    func stop() {
        requestStop()
        thread.withLock { $0 }?.join()
    }

    // MARK: - The thread

    private var isEnding: Bool { isStopping.load(ordering: .relaxed) }

    private func work() {
        var compaction = LiveCompaction(archive)
        let budget = CPUBudget(share: 1, meter: meter)
        while !isEnding {
            let seen = changes.load(ordering: .acquiring)
            let settings = state.withLock { $0.settings }
            var pauseNs = Self.longestPauseNs
            if settings.isEnabled {
                pass(&compaction, settings.policy, budget)
                pauseNs = min(max(settings.policy.minAgeNs / 4, Self.shortestPauseNs), Self.longestPauseNs)
            }
            let _: Void? = bell.wait(upTo: .nanoseconds(pauseNs)) {
                isEnding || changes.load(ordering: .acquiring) != seen ? () : nil
            }
        }
    }

    /// Compacts one group after the other, until none is left or the disk fails.
    private func pass(_ compaction: inout LiveCompaction, _ policy: Compaction.Policy, _ budget: CPUBudget) {
        do throws(FileError) {
            if let new = try compaction.settle() {
                logger.notice("compaction: \(new.relativePath) took its place now that the disk works again")
            }
        } catch {
            fail("compaction waits for the disk: \(error)")
            return
        }
        var tried: Set<SegmentName> = []
        while !isEnding {
            let positions: ExportPositions
            do throws(FileError) {
                positions = try ExportPositions(archive)
            } catch {
                fail("compaction waits, since it is not known what was sent: \(error)")
                return
            }
            let pause: @Sendable () -> Bool = { [self] in rest(budget) }
            let group = compaction.next(
                policy,
                nowNs: ClockOffset.utcNowNs,
                use: { use(of: $0, positions) },
                pause: pause
            )
            noteRoom(compaction)
            // One that comes again was needed by others, and is a while longer.
            guard let group, let first = group.first, tried.insert(first.name).inserted else { return }
            guard compact(group, &compaction, policy, pause) else { return }
        }
    }

    /// - Returns: Whether to go on with the next.
    private func compact(
        _ group: [MergePlan.Candidate],
        _ compaction: inout LiveCompaction,
        _ policy: Compaction.Policy,
        _ pause: @escaping @Sendable () -> Bool
    ) -> Bool {
        let begunNs = MonotonicClock.monotonicNs
        let cpuNs = meter.usedNs()
        let names = group.map(\.name)
        let bytes = group.reduce(0) { $0 + $1.bytes }
        do throws(MergeError) {
            let outcome = try compaction.compact(group, policy, isFree: { exports.isDone(with: names) }, pause: pause)
            guard case .replaced(let new) = outcome else { return true }
            let took = HumanUnits.duration(ns: Int64(clamping: MonotonicClock.monotonicNs - begunNs))
            let cpu = HumanUnits.duration(ns: Int64(clamping: meter.usedNs() - cpuNs))
            state.withLock { state in
                state.status.runs += 1
                state.status.segmentsBefore += UInt64(group.count)
                state.status.segmentsAfter += 1
                state.status.rows += UInt64(clamping: new.totals.rows)
                state.status.bytesBefore += UInt64(clamping: bytes)
                state.status.bytesAfter += UInt64(clamping: new.bytes)
                state.status.lastAt = ClockOffset.utcNowNs / 1000
            }
            let before = "\(group.count) segments, \(HumanUnits.bytes(bytes))"
            logger.info(
                "compacted \(group[0].hour): \(before) → \(HumanUnits.bytes(new.bytes)), \(new.totals.rows) rows (\(took), \(cpu) of CPU)"
            )
            return true
        } catch {
            if case .cancelled = error { return false }
            let blocked = compaction.blockedSegments
            state.withLock { $0.status.blockedSegments = blocked }
            fail("compaction of \(group.count) segments of \(group[0].hour) failed, they stay as they are: \(error)")
            // A disk that is full or broken is not better for the next.
            if case .file = error { return false }
            return true
        }
    }

    private func use(of segment: SegmentName, _ positions: ExportPositions) -> Compaction.Use {
        guard exports.isDone(with: [segment]), !positions.isUnderWay(segment) else { return .inUse }
        return .free(mark: positions.senders(of: segment))
    }

    /// Rests for the work since the last call, and shows what was used.
    ///
    /// - Returns: Whether to go on.
    private func rest(_ budget: CPUBudget) -> Bool {
        let cpuNs = meter.usedNs()
        let share = state.withLock { state in
            state.status.cpuNs = cpuNs
            return state.settings.cpuBudget
        }
        budget.rest(at: share) { isEnding }
        return !isEnding && state.withLock { $0.settings.isEnabled }
    }

    private func fail(_ line: String) {
        let isRepeated = state.withLock { state in
            defer { state.status.lastError = line }
            state.status.failures += 1
            return state.status.lastError == line
        }
        if !isRepeated { logger.error("\(line)") }
    }

    private func noteRoom(_ compaction: LiveCompaction) {
        let isNew = state.withLock { state in
            defer { state.status.isShortOfRoom = compaction.isShortOfRoom }
            return compaction.isShortOfRoom && !state.status.isShortOfRoom
        }
        guard isNew else { return }
        logger.notice(
            "compaction waits for room on the file system: what it writes would be retention's to make room for"
        )
    }
}

extension BackgroundCompactor.Settings {
    /// What the configuration says.
    init(_ compact: AgentConfiguration.Compact) {
        isEnabled = compact.isEnabled
        cpuBudget = compact.cpuBudget
        policy.minAgeNs = Int64(clamping: compact.minAgeNs)
        policy.minSegments = compact.minSegments
        policy.targetBytes = Int64(compact.maxBytes)
        policy.level = Int32(compact.level)
    }
}

extension ClockOffset {
    /// UTC, nanoseconds since 1970.
    fileprivate static var utcNowNs: Int64 { measure().utcNanoseconds(boot: bootNow()) }
}
