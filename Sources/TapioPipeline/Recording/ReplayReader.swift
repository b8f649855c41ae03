import TapioBPF
public import TapioArchive
public import TapioEvents

/// Takes records of a recording the way that they took in the agent (checks, windows, batches, encoding), on one thread and by
/// the recording's clock: the same recording always gives the same row groups, byte for byte.
///
/// Where a batch ends depends in the agent on the machine's haste; here on the recording alone, so that the rows are the
/// agent's, but not the groups that they are in.
public final class ReplayReader {
    /// What of the agent's configuration rows depend on.
    public struct Settings: Sendable, Hashable {
        /// Bounds of a batch.
        public var batch = RowBatch.Limits()
        /// zstd's level.
        public var compressionLevel: Int32 = 1
        /// Nanoseconds from a batch's first row until it is handed over.
        public var maxBatchAgeNs: UInt64 = 5_000_000_000
        /// Bounds of the windows in which events are merged.
        public var aggregation = AggregationTuning()

        /// The defaults.
        public init() {}
    }

    /// One lane of one reader.
    private final class LaneState {
        let lane: Lane
        let batch: RowBatch
        let window: WindowAggregator
        var openedNs: UInt64 = 0

        init(_ lane: Lane, _ registry: SchemaRegistry, _ settings: Settings) {
            self.lane = lane
            batch = RowBatch(limits: settings.batch)
            batch.lane = lane
            // Which group goes first when there is no room depends on the seed.
            window = WindowAggregator(registry, capacity: settings.aggregation.maxGroups, seed: 1)
        }
    }

    private struct ReaderState {
        var meanings = ReplayTables.Meanings()
        var lanes: [LaneState]
    }

    private let registry: SchemaRegistry
    private let ledger: Ledger
    private let settings: Settings
    private let emit: (ArchiveBatch) throws -> Void
    private let check: RecordCheck
    private let summaries: SummaryWriter
    private let encoder: BatchEncoder
    private var readers: [UInt8: ReaderState] = [:]
    private var tables: ReplayTables
    private let laterIDs: [UInt8: [RecordKey: EnrichmentID]]
    private var clock = ClockOffset(utcMinusBootNs: 0)
    private var sequence: UInt64 = 0
    private var nowNs: UInt64 = 0
    /// Boot time of the newest record, nanoseconds.
    public private(set) var latestNs: Int64 = 0
    /// Boot time of the first record, nanoseconds; 0 before there is one.
    public private(set) var firstNs: Int64 = 0

    /// The longest record, with what a batch has beside it.
    private static let recordBytes = Int(TAPIO_RECORD_BYTES) + 64

    /// A reader of records.
    ///
    /// - Parameters:
    ///   - answers: What became known later; see ``ReplayAnswers``.
    ///   - ledger: Counts what is received and refused.
    ///   - emit: Gets each row group.
    public init(
        registry: SchemaRegistry,
        ledger: Ledger,
        settings: Settings,
        answers: ReplayAnswers,
        emit: @escaping (ArchiveBatch) throws -> Void
    ) {
        self.registry = registry
        self.ledger = ledger
        self.settings = settings
        self.emit = emit
        tables = answers.tables
        laterIDs = answers.ids
        check = RecordCheck(registry)
        summaries = SummaryWriter(registry)
        encoder = BatchEncoder(registry: registry, compressionLevel: settings.compressionLevel)
    }

    deinit {
        summaries.deallocate()
    }

    /// UTC minus boot time, as the recording told it last.
    public var clockOffset: ClockOffset { clock }
    /// Monotonic time of the recording.
    public var monotonicNs: UInt64 { nowNs }

    /// Takes the next frame of the recording.
    public func take(_ frame: RecordingFrame) throws {
        switch frame {
        case .facts, .end, .later, .counts: return
        case .clock(let offset):
            // Rows so far are of the time before.
            try sealAll()
            clock = ClockOffset(utcMinusBootNs: offset)
        case .aggregation(let number, let kinds):
            let wanted = Set(kinds)
            for lane in state(number).lanes where lane.window.follow({ wanted.contains($0) }) {
                try end(lane.window, lane)
            }
        case .owner(let number, _, _), .name(let number, _, _), .service(let number, _, _):
            var meanings = state(number).meanings
            try tables.learn(frame, &meanings)
            readers[number]?.meanings = meanings
        case .drain(let drain): try take(drain)
        }
    }

    /// Hands over what is left. Nothing is taken after it.
    public func finish() throws {
        for number in readers.keys.sorted() {
            for lane in state(number).lanes { try end(lane.window, lane) }
        }
        try sealAll()
    }

    private func state(_ number: UInt8) -> ReaderState {
        if let known = readers[number] { return known }
        let new = ReaderState(lanes: Lane.allCases.map { LaneState($0, registry, settings) })
        readers[number] = new
        return new
    }

    private func take(_ drain: RecordedDrain) throws {
        nowNs = max(nowNs, drain.nowNs)
        try passTime()
        let reader = state(drain.reader)
        let later = laterIDs[drain.reader]
        let lane = reader.lanes[Int(drain.lane.rawValue)]
        let isWhole = try drain.forEach { record, word in
            if let fault = check.fault(in: record) { return refuse(record, fault) }
            var id = tables.id(word, reader.meanings)
            if let later, let known = later[RecordKey(record)] { id = known }
            try take(record, id, lane)
        }
        guard isWhole else { throw RecordingError("a drain's records don't add up: the recording is damaged") }
    }

    private func take(_ record: RawSpan, _ id: EnrichmentID, _ lane: LaneState) throws {
        try makeRoom(lane)
        let kind = EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset))
        latestNs = max(latestNs, record.int64(at: 0))
        if firstNs == 0 { firstNs = record.int64(at: 0) }
        if RecordCheck.isMerged(record) {
            guard let schema = registry.schema(of: kind) else { return }
            summaries.rewrite(record, of: schema) { summary, count, lastNs in
                ledger.add(.received, kind, count)
                let isTaken = lane.batch.append(summary: summary, merged: count, lastNs: lastNs, enrichmentID: id)
                if !isTaken { ledger.add(.shed, kind, count) }
            }
        } else {
            ledger.add(.received, kind)
            var room = SummaryRoom(rows: 1, bytes: Self.recordBytes)
            let isMerged =
                lane.window.isActive
                && lane.window.merges(record, enrichmentID: id, nowNs: nowNs, into: lane.batch, room: &room)
            if !isMerged, !lane.batch.append(record, enrichmentID: id) { ledger.add(.shed, kind) }
        }
        if lane.openedNs == 0, !lane.batch.isEmpty { lane.openedNs = max(1, nowNs) }
    }

    private func refuse(_ record: RawSpan, _ fault: RecordFault) {
        let kind =
            record.byteCount > RecordCheck.kindOffset
            ? EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset)) : .ledger
        ledger.add(.received, kind)
        ledger.add(.malformed, kind)
    }

    // MARK: Windows and batches

    /// Ends windows and batches that are old enough by now.
    private func passTime() throws {
        for number in readers.keys.sorted() {
            for lane in state(number).lanes {
                if lane.window.isDue(nowNs: nowNs, windowNs: settings.aggregation.windowNs) {
                    try end(lane.window, lane)
                }
                let isOld = lane.openedNs != 0 && nowNs &- min(nowNs, lane.openedNs) >= settings.maxBatchAgeNs
                if isOld { try seal(lane) }
            }
        }
    }

    private func end(_ window: WindowAggregator, _ lane: LaneState) throws {
        while !window.isEmpty {
            try makeRoom(lane)
            let isDone = window.flush(into: lane.batch)
            if lane.openedNs == 0, !lane.batch.isEmpty { lane.openedNs = max(1, nowNs) }
            if isDone { return }
            try seal(lane)
        }
    }

    /// Room for a record, and for a summary that it makes due.
    private func makeRoom(_ lane: LaneState) throws {
        let batch = lane.batch
        if batch.rowCount + 2 > batch.limits.rows || batch.byteCount + 4 * Self.recordBytes > batch.limits.bytes {
            try seal(lane)
        }
    }

    private func sealAll() throws {
        for number in readers.keys.sorted() { for lane in state(number).lanes { try seal(lane) } }
    }

    private func seal(_ lane: LaneState) throws {
        lane.openedNs = 0
        let batch = lane.batch
        guard !batch.isEmpty else { return }
        batch.sequence = sequence
        sequence += 1
        batch.enrichment = tables.table()
        let encoded = encoder.encode(batch, clock: clock)
        batch.reset()
        try emit(encoded)
    }
}

/// What the agent found out of records only after it had read them: from a first pass over a recording.
public struct ReplayAnswers {
    var tables = ReplayTables()
    var ids: [UInt8: [RecordKey: EnrichmentID]] = [:]
    /// What the recording says of the agent.
    public private(set) var facts: [UInt8] = []
    /// What is in the recording.
    public private(set) var totals = RecordingTotals()
    /// What the kernel's programs counted.
    public private(set) var counts: [RecordedCounts] = []

    /// More answers would take too much memory: 100 MiB or so.
    private static let most = 2 << 20

    /// Reads all of a recording, and so checks it before anything comes of it.
    public init(_ path: String, progress: (Int64, Int64) -> Void = { _, _ in }) throws(RecordingError) {
        var reader = try RecordingReader(path)
        var meanings: [UInt8: ReplayTables.Meanings] = [:]
        var count = 0
        while let frame = try reader.next() {
            switch frame {
            case .facts(let text): facts = text
            case .owner(let number, _, _), .name(let number, _, _), .service(let number, _, _):
                try tables.learn(frame, &meanings[number, default: ReplayTables.Meanings()])
            case .later(let key, let number, let word):
                count += 1
                guard count <= Self.most else {
                    throw RecordingError("\(path) has more than \(Self.most) late answers: replay a shorter one")
                }
                let known = meanings[number] ?? ReplayTables.Meanings()
                ids[number, default: [:]][key] = tables.id(word, known)
            case .end(let found): totals = found
            case .counts(let found): counts = found
            case .clock, .aggregation, .drain: break
            }
            progress(reader.progress.done, reader.progress.total)
        }
    }
}
