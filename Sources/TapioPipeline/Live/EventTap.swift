import Synchronization
public import TapioEvents
import TapioRings

/// The live view: events as they are read, for whoever watches. Without a watcher it costs nothing, and it never holds up
/// the archive: what watchers can't follow is skipped and counted.
public final class EventTap: Sendable {
    /// Records of a chunk.
    static let chunkRows = 1024
    /// Bytes of a chunk.
    static let chunkBytes = 256 << 10
    /// Chunks that exist at a time, in all hands together.
    static let chunks = 16
    /// Bytes of records that they can hold together.
    public static var mostBytes: Int { chunks * chunkBytes }
    /// Chunks of decoded events that one watcher may leave unread.
    static let unreadChunks = 32

    private struct Subscriber {
        var kinds: Set<EventKind>?
        var continuation: AsyncStream<LiveEvents>.Continuation
        /// The tap's count when it began.
        var skippedBefore: UInt64
        /// What this one could not follow.
        var missed: UInt64 = 0
    }

    private struct State {
        var subscribers: [UInt64: Subscriber] = [:]
        var observers: [UInt64: @Sendable (RowBatch) -> Void] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let watchers = Atomic<Int>(0)
    private let skipped = Atomic<UInt64>(0)
    private let shown = Atomic<UInt64>(0)
    private let pool = BatchPool(
        limits: RowBatch.Limits(rows: chunkRows, bytes: chunkBytes),
        most: chunks
    )
    private let queue = HandoffQueue<RowBatch>(capacity: chunks)
    private let state = Guarded(State())
    private let decoder: RecordDecoder
    private let clock: CurrentClock

    init(registry: SchemaRegistry, clock: CurrentClock) {
        decoder = RecordDecoder(registry)
        self.clock = clock
    }

    /// Starts watching. Ends when the task that reads is cancelled, the sequence is dropped, or the pipeline stops.
    ///
    /// - Parameter kinds: Only events of these kinds; nil for all.
    public func events(of kinds: Set<EventKind>? = nil) -> AsyncStream<LiveEvents> {
        let (stream, continuation) = AsyncStream<LiveEvents>.makeStream(
            bufferingPolicy: .bufferingOldest(EventTap.unreadChunks)
        )
        let id = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            defer { state.nextID += 1 }
            state.subscribers[state.nextID] = Subscriber(
                kinds: kinds,
                continuation: continuation,
                skippedBefore: skipped.load(ordering: .relaxed)
            )
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        // Relaxed: a reader notices at one of its next drains.
        watchers.add(1, ordering: .relaxed)
        continuation.onTermination = { [weak self] _ in self?.remove(id) }
        return stream
    }

    /// Looks at records as they are read, before they are decoded: for who counts them. Ends with ``TapObservation/cancel()``, with
    /// the observation, or when the pipeline stops.
    ///
    /// - Parameter body: Gets some rows, with what is known of each beside its record, on the tap's own thread. They are valid
    ///   only until it returns, and until then no other watcher gets anything.
    public func observe(_ body: @escaping @Sendable (RowBatch) -> Void) -> TapObservation {
        let before = skipped.load(ordering: .relaxed)
        let id = state.withLock { state -> UInt64? in
            guard !state.isClosed else { return nil }
            defer { state.nextID += 1 }
            state.observers[state.nextID] = body
            return state.nextID
        }
        if id != nil { watchers.add(1, ordering: .relaxed) }
        return TapObservation(self, id: id, skippedBefore: before)
    }

    /// What the live view did.
    public var statistics: EventTapStatistics {
        EventTapStatistics(
            watchers: watchers.load(ordering: .relaxed),
            shown: shown.load(ordering: .relaxed),
            skipped: skipped.load(ordering: .relaxed)
        )
    }

    // MARK: - Readers' side

    var isWatched: Bool { watchers.load(ordering: .relaxed) > 0 }

    func takeChunk() -> RowBatch? { pool.take() }

    func skip(_ records: Int) { skipped.add(UInt64(records), ordering: .relaxed) }

    func offer(_ chunk: RowBatch) {
        switch queue.push(chunk) {
        case .pushed: break
        case .full(let chunk), .closed(let chunk):
            skip(chunk.rowCount)
            pool.giveBack(chunk)
        }
    }

    // MARK: - The thread that decodes

    /// Decodes and hands out until ``close()``.
    func run() {
        while true {
            switch queue.pop(waitingUpTo: .seconds(3600)) {
            case .item(let chunk):
                hand(out: chunk)
                pool.giveBack(chunk)
            case .empty: continue
            case .closed:
                finishSubscribers()
                return
            }
        }
    }

    /// Ends the view for all, after what was read before.
    func close() { queue.close() }

    private func hand(out chunk: RowBatch) {
        let (subscribers, observers) = state.withLock { ($0.subscribers, $0.observers) }
        for observe in observers.values { observe(chunk) }
        guard !subscribers.isEmpty else { return }
        let offset = clock.offset
        var decoded: [(kind: EventKind, event: DecodedEvent)] = []
        for row in 0..<chunk.rowCount {
            chunk.withRecord(at: row) { record in
                let kind = EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset))
                guard subscribers.values.contains(where: { $0.kinds?.contains(kind) ?? true }) else { return }
                decoded.append((kind, decoder.decode(record, clock: offset)))
            }
        }
        for (id, subscriber) in subscribers {
            let events = decoded.filter { subscriber.kinds?.contains($0.kind) ?? true }.map(\.event)
            guard !events.isEmpty else { continue }
            let missed = skipped.load(ordering: .relaxed) - subscriber.skippedBefore + subscriber.missed
            let result = subscriber.continuation.yield(LiveEvents(events: events, skipped: missed))
            if case .enqueued = result {
                shown.add(UInt64(events.count), ordering: .relaxed)
            } else if case .dropped = result {
                state.withLock { $0.subscribers[id]?.missed += UInt64(events.count) }
            }
        }
    }

    private func remove(_ id: UInt64) {
        let wasThere = state.withLock { $0.subscribers.removeValue(forKey: id) != nil }
        if wasThere { watchers.subtract(1, ordering: .relaxed) }
    }

    func removeObserver(_ id: UInt64) {
        let wasThere = state.withLock { $0.observers.removeValue(forKey: id) != nil }
        if wasThere { watchers.subtract(1, ordering: .relaxed) }
    }

    /// Whether nothing more will be handed out.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    private func finishSubscribers() {
        let subscribers = state.withLock { state in
            state.isClosed = true
            return state.subscribers.values
        }
        for subscriber in subscribers { subscriber.continuation.finish() }
    }
}

/// Some events of the live view, in the order in which one CPU's lane gave them.
public struct LiveEvents: Sendable {
    /// The events.
    public var events: [DecodedEvent]
    /// Events that this watcher has not been shown since it began: "live view skipped N".
    public var skipped: UInt64
}

/// What the live view did; counts are never reset.
public struct EventTapStatistics: Sendable, Hashable {
    /// Who watches now.
    public var watchers: Int
    /// Events handed to watchers.
    public var shown: UInt64
    /// Events that no watcher was shown because the view could not follow. Their rows are in the archive all the same.
    public var skipped: UInt64
}
