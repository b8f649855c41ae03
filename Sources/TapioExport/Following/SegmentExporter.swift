import Glibc
import Synchronization
public import TapioArchive
import TapioRings

/// Follows the sealed segments of an archive and sends each to one place, oldest first, at least once.
///
/// The archive itself is the spool: nothing is copied, and what retention removes before it was sent is lost for this place
/// and told. Whatever happens there, the exporter waits and tries again; it never holds up the archive or another exporter,
/// since all that they share are names of files. Runs on a thread of its own, which waits for disk and network.
public actor SegmentExporter {
    /// How often it looks and tries.
    public struct Pace: Sendable, Hashable {
        /// Time between two looks for new segments.
        public var poll = Duration.seconds(1)
        /// Time after failures.
        public var retry = RetryDelay()
        /// Time between two looks at what lies beside the segments.
        public var companions = Duration.seconds(300)

        /// The defaults.
        public init() {}
    }

    /// `s3`, `clickhouse` or `otlp`.
    public nonisolated let name: String
    /// The queue on which it waits.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let executor: BlockingExecutor
    private let source: ExportSource
    private let pace: Pace
    private let make: @Sendable (ExportConnection) -> any ExportTarget
    private let tell: @Sendable (ExportNews) -> Void
    private let connection = ExportConnection()
    private let file: ExportPositionFile
    private var position: ExportPosition
    private var lastKind: ExportFailure.Kind?
    private var companionsDueNs: UInt64 = 0
    private let shown: Mutex<Shown>
    private let isFinishing = Atomic<Bool>(false)

    /// What others may look at while the exporter waits for the network.
    private struct Shown: Sendable {
        var status: ExporterStatus
        var sent = SentSegments()
        /// The segment under way.
        var current: SegmentName?
        /// The same, where retention removed it meanwhile. It is open, so it can still arrive.
        var removed: SegmentFacts?
        /// Whether it is known what was sent before.
        var isLoaded = false
        /// What was removed before that.
        var removedEarly: [SegmentFacts] = []
    }

    /// Segments that are remembered until the position is read, at most. Of more, the log has a line.
    private static let mostRemovedEarly = 16_384

    /// After each so many failures in a row it is worth a look whether the segment is at fault: that reads all of it.
    private static let refusalsUntilCheck = 5

    /// - Parameter make: Makes the target, which uses the connection.
    init(
        name: String,
        source: ExportSource,
        pace: Pace,
        tell: @escaping @Sendable (ExportNews) -> Void,
        make: @escaping @Sendable (ExportConnection) -> any ExportTarget
    ) {
        self.name = name
        self.source = source
        self.pace = pace
        self.tell = tell
        self.make = make
        executor = BlockingExecutor(label: "tapio.export.\(name)")
        file = ExportPositionFile(source, exporter: name)
        position = ExportPosition(place: "")
        shown = Mutex(Shown(status: ExporterStatus(name: name, place: "")))
    }

    // MARK: - From outside

    /// What it does just now. Never waits.
    public nonisolated var status: ExporterStatus {
        let all = source.segments()
        return shown.withLock { shown in
            var status = shown.status
            guard shown.isLoaded else { return status }
            for segment in all where !shown.sent.contains(segment.name) {
                status.waitingSegments += 1
                status.waitingBytes += segment.bytes
                let first = segment.totals.minTimestampNs ?? .max
                status.oldestWaitingNs = min(status.oldestWaitingNs ?? first, first)
            }
            return status
        }
    }

    /// Hears that retention removed a segment. Never waits.
    public nonisolated func noteRemoved(_ segment: SegmentFacts) {
        let isLost = shown.withLock { shown in
            guard shown.isLoaded else {
                if shown.removedEarly.count < Self.mostRemovedEarly { shown.removedEarly.append(segment) }
                return false
            }
            guard !shown.sent.contains(segment.name) else { return false }
            if shown.current == segment.name { shown.removed = segment }
            return shown.current != segment.name
        }
        guard isLost else { return }
        tell(.lost(segment, .removed))
        show { $0.status.count(lost: segment) }
    }

    /// Whether it sent all of these and is at none of them: segments that follow one another may then become one of the first's
    /// number, and it takes that for sent. Never waits.
    public nonisolated func isDone(with segments: [SegmentName]) -> Bool {
        shown.withLock { shown in
            guard shown.isLoaded else { return false }
            return segments.allSatisfy { shown.sent.contains($0) && shown.current != $0 }
        }
    }

    /// Lets it end by itself once all is sent, or something fails.
    public nonisolated func finish() { isFinishing.store(true, ordering: .relaxed) }

    /// Works until its task is cancelled, or until it has finished.
    public func run() async {
        await withTaskCancellationHandler {
            await follow()
        } onCancel: {
            connection.cancel()
        }
        show { $0.status.state = .stopped }
    }

    // MARK: - Following

    private func follow() async {
        let target = make(connection)
        load(target.place)
        abandonPart(target)
        var failures = 0
        while !Task.isCancelled {
            let wait: Duration
            let before = position.part
            do throws(ExportFailure) {
                let hasSent = try step(target)
                if failures > 0 {
                    tell(.recovered(failures: failures))
                    failures = 0
                    lastKind = nil
                    show { $0.status.failuresInARow = 0 }
                }
                if hasSent { continue }
                if isFinishing.load(ordering: .relaxed) { return }
                wait = pace.poll
            } catch {
                if error.kind == .cancelled || Task.isCancelled { return }
                // What moved on meanwhile begins to wait anew.
                if let part = position.part, part != before { failures = 0 }
                failures += 1
                note(error, failures: failures)
                if settleFailure(error, failures: failures, target) { failures = 0 }
                if isFinishing.load(ordering: .relaxed) { return }
                wait =
                    failures == 0
                    ? .zero
                    : pace.retry.delay(
                        failures: failures,
                        chance: Double.random(in: 0..<1),
                        retryAfterSeconds: error.retryAfterSeconds
                    )
                show { $0.status.retries += 1 }
            }
            guard (try? await Task.sleep(for: wait)) != nil else { return }
        }
    }

    /// Sends the next segment, or what lies beside the segments; false where nothing waits.
    private func step(_ target: any ExportTarget) throws(ExportFailure) -> Bool {
        // Between two attempts nothing is under way: what was, and retention removed meanwhile, will not arrive.
        let removed = shown.withLock { shown in
            defer {
                shown.removed = nil
                shown.current = nil
            }
            return shown.removed
        }
        if let removed { loseRemoved(removed, target) }
        let all = source.segments()
        guard let next = all.first(where: { !position.sent.contains($0.name) && source.isAvailable($0.name) }) else {
            try deliverCompanions(target)
            show { $0.status.state = .idle }
            return false
        }
        show { shown in
            shown.status.state = .sending
            shown.current = next.name
        }
        // Who replaces segments makes them unavailable first and asks after the current one then: one of the two sees the
        // other.
        guard source.isAvailable(next.name) else { return true }
        // One upload at a time is remembered.
        if let other = position.part, other.segment != next.name.description {
            target.abandon(other)
            position.part = nil
        }
        let segment = source.sealed(next)
        let part = position.part?.segment == next.name.description ? position.part : nil
        defer { noteProgress(target, next) }
        let delivery = try target.deliver(segment, after: part) { part in
            position.part = part
            savePosition()
            noteProgress(target, next)
        }
        position.sent.forget(keeping: all.map(\.name))
        settle(next)
        show { shown in
            shown.status.sentSegments += 1
            shown.status.sentRows += UInt64(clamping: delivery.rows)
            shown.status.sentBytes += UInt64(clamping: delivery.bytes)
            shown.status.lastSentNs = SystemArchiveClock().utcNs()
        }
        return true
    }

    /// Counts what a target sends piece by piece.
    private func noteProgress(_ target: any ExportTarget, _ segment: SegmentFacts) {
        let progress = target.takeProgress()
        guard progress != DeliveryProgress() else { return }
        // Told before it is shown: who sees the count finds the reason.
        for (reason, rows) in progress.lost { tell(.lostRows(segment, reason, rows: rows)) }
        for notice in progress.notices { tell(.notice(notice)) }
        show { shown in
            shown.status.sentRows += progress.rows
            shown.status.sentBytes += progress.bytes
            if progress.rows > 0 { shown.status.lastSentNs = SystemArchiveClock().utcNs() }
            for (reason, rows) in progress.lost {
                shown.status.refusedRows[reason.rawValue, default: 0] += rows
                shown.status.lostRows += rows
            }
        }
    }

    /// A segment is done with, sent or not.
    private func settle(_ segment: SegmentFacts) {
        position.sent.insert(segment.name)
        position.part = nil
        savePosition()
        show { [sent = position.sent] shown in
            shown.sent = sent
            shown.current = nil
            shown.removed = nil
        }
    }

    private func deliverCompanions(_ target: any ExportTarget) throws(ExportFailure) {
        let now = MonotonicClock.monotonicNs
        guard now >= companionsDueNs || isFinishing.load(ordering: .relaxed) else { return }
        let since = try target.deliverCompanions(root: source.root, node: source.node, since: position.companionsNs)
        companionsDueNs = now &+ UInt64(max(0, pace.companions / .nanoseconds(1)))
        guard since != position.companionsNs else { return }
        position.companionsNs = since
        savePosition()
    }

    // MARK: - Failing

    private func note(_ failure: ExportFailure, failures: Int) {
        // Once for each way of failing: the status has the rest.
        if lastKind != failure.kind, failure.kind != .gone {
            lastKind = failure.kind
            tell(.failing(failure))
        }
        show { shown in
            shown.status.state = .waiting
            shown.status.failuresInARow = failures
            shown.status.lastError = failure.description
            shown.status.lastErrorNs = SystemArchiveClock().utcNs()
            shown.status.errors[failure.kind.rawValue, default: 0] += 1
        }
    }

    /// Whether the failure is over because its segment is: removed, or damaged.
    private func settleFailure(_ failure: ExportFailure, failures: Int, _ target: any ExportTarget) -> Bool {
        let (current, removed) = shown.withLock { ($0.current, $0.removed) }
        guard let current else { return false }
        let facts = source.segments().first { $0.name == current }
        if let gone = removed ?? (failure.kind == .gone ? facts : nil) {
            loseRemoved(gone, target)
            return true
        }
        if failure.kind == .gone {
            // Retention is about to say so itself.
            show { $0.current = nil }
            return true
        }
        // Servers have many words for a file that they cannot read.
        guard [.refused, .server, .file].contains(failure.kind), failures.isMultiple(of: Self.refusalsUntilCheck),
            let facts
        else { return false }
        let path = source.sealed(facts).path
        guard let verdict = try? SegmentVerifier().verify(path), verdict.state != .sealed else { return false }
        lose(facts, .damaged)
        return true
    }

    private func loseRemoved(_ segment: SegmentFacts, _ target: any ExportTarget) {
        if let part = position.part, part.segment == segment.name.description { target.abandon(part) }
        lose(segment, .removed)
    }

    private func lose(_ segment: SegmentFacts, _ reason: ExportNews.LossReason) {
        tell(.lost(segment, reason))
        settle(segment)
        show { $0.status.count(lost: segment) }
    }

    // MARK: - The position

    private func load(_ place: String) {
        position = ExportPosition(place: place)
        var isKnown = false
        do throws(ExportFailure) {
            if let saved = try file.load() {
                if saved.place == place {
                    position = saved
                    isKnown = true
                } else {
                    tell(.notice("goes to another place than before: it begins with the oldest segment there is"))
                }
            }
        } catch {
            tell(.notice("\(error): it begins with the oldest segment there is, and may send again what arrived"))
        }
        let early = shown.withLock { [sent = position.sent] shown in
            defer { shown.removedEarly = [] }
            shown.status.place = place
            shown.sent = sent
            shown.isLoaded = true
            return shown.removedEarly
        }
        guard isKnown else { return }
        // Who sent to this place before would have sent these too.
        if early.count == Self.mostRemovedEarly {
            tell(.notice("more segments were removed at the start than it counts"))
        }
        for segment in early { noteRemoved(segment) }
    }

    /// Gives up a part of a segment that is no longer there.
    private func abandonPart(_ target: any ExportTarget) {
        guard let part = position.part else { return }
        if source.segments().contains(where: { $0.name.description == part.segment }) { return }
        target.abandon(part)
        position.part = nil
        savePosition()
    }

    private func savePosition() {
        do throws(ExportFailure) {
            try file.save(position)
        } catch {
            show { $0.status.errors[error.kind.rawValue, default: 0] += 1 }
            show { $0.status.lastError = error.description }
        }
    }

    private nonisolated func show(_ change: (inout Shown) -> Void) { shown.withLock { change(&$0) } }
}
