import TapioBPF
import TapioEvents
import TapioRings

/// What a reader's thread does: drain, check, copy into the lane's batch, hand over; run to completion, then sleep.
///
/// Urgent rings come first, and again after each portion of a bulk ring, so that bulk delays them by no more than
/// ``bulkPortion`` records (well below 1 ms). Nothing is allocated for a record, and no lock is taken.
final class ReaderLoop<Plane: RecordPlane> {
    /// Most records of one bulk ring before the urgent rings are looked at again.
    static var bulkPortion: Int { 4096 }
    /// Most records of one urgent ring before the next one has its turn.
    static var urgentPortion: Int { 16_384 }
    /// Below this a sleep isn't worth telling the kernel's programs: nothing urgent waits longer than that anyway.
    static var shortestAnnouncedSleepNs: UInt64 { 2_000_000 }

    private let number: Int
    private let plane: Plane
    private let urgent: [(index: Int, source: Plane.Source)]
    private let bulk: [(index: Int, source: Plane.Source)]
    private let shared: ReaderState
    private let services: ReaderServices
    private let check: RecordCheck
    private let kinds: [EventKind]
    private let enrichment: (any EnrichmentLookup)?
    private let ledger: Ledger
    private let summaries: SummaryWriter
    private var tap: TapWriter

    private var urgentIntake = LaneIntake(lane: .urgent)
    private var bulkIntake = LaneIntake(lane: .bulk)
    private var urgentWindow: WindowAggregator
    private var bulkWindow: WindowAggregator
    private var aggregation: AggregationTuning
    private var seenSwitches: UInt64 = .max
    /// Whether what is left of a window waits for room.
    private var endsUrgentWindow = false
    private var endsBulkWindow = false
    private var timer: DrainTimer
    private var gauge: PressureGauge
    private var maxBatchAgeNs: UInt64
    private var seenChanges: UInt64 = .max
    private var sealWanted: UInt64 = 0
    private var sealServed: UInt64 = 0
    private var nowNs = MonotonicClock.monotonicNs
    /// Urgent records of the last pass.
    private var urgentRecords = 0
    /// Fill of the fullest ring of each lane in this pass, as it was found.
    private var found: (urgent: UInt64, bulk: UInt64) = (0, 0)
    /// Whether the last pass left a ring alone because its lane had no place for records.
    private var wasBlocked = false

    init(
        _ number: Int,
        plane: Plane,
        configuration: ReaderConfiguration,
        shared: ReaderState,
        services: ReaderServices
    ) {
        self.number = number
        self.plane = plane
        let indexed = plane.sources.enumerated().map { (index: $0.offset, source: $0.element) }
        urgent = indexed.filter { $0.source.lane == .urgent }
        bulk = indexed.filter { $0.source.lane == .bulk }
        self.shared = shared
        self.services = services
        check = RecordCheck(services.registry)
        kinds = services.registry.schemas.map(\.kind)
        enrichment = services.enrichment
        ledger = services.ledger
        summaries = SummaryWriter(services.registry)
        tap = TapWriter(services.tap)
        timer = DrainTimer(
            drainIntervalNs: configuration.tuning.drainIntervalNs,
            idleIntervalNs: configuration.tuning.idleIntervalNs
        )
        gauge = PressureGauge(policy: configuration.backpressure)
        maxBatchAgeNs = configuration.tuning.maxBatchAgeNs
        aggregation = configuration.tuning.aggregation
        urgentWindow = WindowAggregator(services.registry, capacity: aggregation.maxGroups)
        bulkWindow = WindowAggregator(services.registry, capacity: aggregation.maxGroups)
    }

    deinit {
        summaries.deallocate()
    }

    /// Runs until ``ReaderState/stop(deadlineNs:)``, and until then all is drained and handed over.
    func run() {
        var lastPassNs = nowNs
        while true {
            shared.serveStall()
            let stopDeadline = shared.stopDeadlineNs
            takeOverRequests()
            nowNs = MonotonicClock.monotonicNs
            let elapsed = nowNs - lastPassNs
            lastPassNs = nowNs
            let (records, hasMore) = pass()
            tap.flush()
            let isBlocked = handOver(isFinal: stopDeadline != nil && records == 0, giveUpAtNs: stopDeadline)
            shared.count(.passes)
            if hasMore { continue }
            if let stopDeadline {
                // A record that a program reserved and never completes must not hold the end up for ever.
                let isDrained = records == 0 && !wasBlocked
                if isDrained && !isBlocked && (!mayHoldRecords || nowNs >= stopDeadline) { break }
                if records == 0 { MonotonicClock.sleep(nanoseconds: timer.drainIntervalNs) }
                continue
            }
            // Where one urgent event came, others often follow: they are looked for soon, instead of each waking the reader,
            // which costs the process that caused it more than all else.
            let interval = timer.next(records: records, elapsedNs: elapsed)
            sleep(urgentRecords > 0 ? min(interval, timer.drainIntervalNs) : interval, isBlocked: isBlocked)
        }
        storeWindowStatistics()
        noteCPUTime()
        if let batch = urgentIntake.takeEmpty() { services.pools.giveBack(batch) }
        if let batch = bulkIntake.takeEmpty() { services.pools.giveBack(batch) }
        shared.finish()
    }

    private func noteCPUTime() {
        shared.counts.addAsOnlyWriter(
            ReaderState.Count.cpuNs.rawValue,
            MonotonicClock.threadCPUNs &- shared.counts.load(ReaderState.Count.cpuNs.rawValue)
        )
    }

    private func sleep(_ nanoseconds: UInt64, isBlocked: Bool) {
        shared.count(.sleeps)
        noteCPUTime()
        if isBlocked {
            // What waits can't be taken: being woken for it would be in vain.
            MonotonicClock.sleep(nanoseconds: timer.drainIntervalNs)
        } else if nanoseconds < Self.shortestAnnouncedSleepNs {
            MonotonicClock.sleep(nanoseconds: nanoseconds)
        } else {
            plane.wait(nanoseconds: nanoseconds)
        }
    }

    private func takeOverRequests() {
        let changes = shared.changeCount
        guard changes != seenChanges else { return }
        seenChanges = changes
        let current = shared.current
        timer.drainIntervalNs = current.tuning.drainIntervalNs
        timer.idleIntervalNs = max(current.tuning.idleIntervalNs, current.tuning.drainIntervalNs)
        maxBatchAgeNs = current.tuning.maxBatchAgeNs
        aggregation = current.tuning.aggregation
        sealWanted = current.sealsAsked
    }

    private var mayHoldRecords: Bool {
        urgent.contains { $0.source.pendingBytes > 0 } || bulk.contains { $0.source.pendingBytes > 0 }
    }

    // MARK: - Draining

    /// One look at all rings.
    private func pass() -> (records: Int, hasMore: Bool) {
        wasBlocked = false
        urgentRecords = 0
        found = (0, 0)
        defer {
            shared.urgentFill.noteAsOnlyWriter(found.urgent)
            shared.bulkFill.noteAsOnlyWriter(found.bulk)
        }
        endWindowsThatAreDue()
        var (records, hasMore) = drainUrgent()
        for (index, source) in bulk {
            let drained = drain(source, index, into: &bulkIntake, limit: Self.bulkPortion)
            records += drained.records
            hasMore = hasMore || drained.hasMore
            if drained.records >= Self.bulkPortion / 4 {
                let (more, rest) = drainUrgent()
                records += more
                hasMore = hasMore || rest
            }
        }
        return (records, hasMore)
    }

    private func drainUrgent() -> (records: Int, hasMore: Bool) {
        var records = 0
        var hasMore = false
        for (index, source) in urgent {
            let drained = drain(source, index, into: &urgentIntake, limit: Self.urgentPortion)
            records += drained.records
            hasMore = hasMore || drained.hasMore
        }
        urgentRecords += records
        return (records, hasMore)
    }

    private func drain(
        _ source: Plane.Source,
        _ index: Int,
        into intake: inout LaneIntake,
        limit: Int
    ) -> (records: Int, hasMore: Bool) {
        let pending = source.pendingBytes
        guard pending > 0 else { return (0, false) }
        note(RingFill.fill(pending, of: source.capacity), source.lane)
        guard let batch = prepare(&intake) else { return (0, false) }
        var maxRecords = min(limit, batch.recordRoom)
        var maxBytes = batch.byteRoom
        let window = source.lane == .urgent ? urgentWindow : bulkWindow
        let isAggregating = window.isActive
        var room = isAggregating ? SummaryRoom.halving(records: &maxRecords, bytes: &maxBytes) : .none
        let isWatched = tap.begin()
        // Looked at once: to copy an existential for each record costs as much as the record.
        let isEnriched = enrichment != nil
        var firstNs: Int64 = 0
        var lastNs: Int64 = 0
        let seen = shared.ringCounts.load(index * 2 + 1)
        var next = seen
        let drained = source.drain(maxRecords: maxRecords, maxBytes: maxBytes) { record in
            if let fault = check.fault(in: record) { return refuse(record, fault) }
            let id = isEnriched ? enrichmentID(of: record) : .none
            next = max(next, record.uint64(at: ReaderLoop.sequenceOffset) &+ 1)
            if RecordCheck.isMerged(record) {
                let isTaken = takeMerged(record, id, into: batch, isWatched: isWatched)
                if isTaken && id.mayGetName { intake.noteNameless(row: batch.rowCount - 1) }
                return
            }
            // There is room: the limits above say so.
            if !isAggregating || !window.merges(record, enrichmentID: id, nowNs: nowNs, into: batch, room: &room) {
                _ = batch.append(record, enrichmentID: id)
                if id.mayGetName { intake.noteNameless(row: batch.rowCount - 1) }
            }
            lastNs = record.int64(at: 0)
            if firstNs == 0 { firstNs = lastNs }
            if isWatched { tap.append(record, id) }
        }
        guard drained.records > 0 else { return (0, false) }
        intake.noteRows(nowNs: nowNs, kinds: kinds) { ledger.add(.received, $0, $1) }
        if isAggregating { window.takeMerged { ledger.add(.received, $0, $1) } }
        shared.ringCounts.addAsOnlyWriter(index * 2, UInt64(drained.records))
        shared.ringCounts.addAsOnlyWriter(index * 2 + 1, next &- seen)
        shared.count(source.lane, .records, UInt64(drained.records))
        shared.count(source.lane, .bytes, UInt64(drained.bytes))
        if lastNs != 0 {
            let bootNs = Int64(MonotonicClock.bootTimeNs)
            services.latency.add(nanoseconds: bootNs - firstNs)
            if drained.records > 1 { services.latency.add(nanoseconds: bootNs - lastNs) }
        }
        return (drained.records, drained.records >= maxRecords || drained.bytes >= maxBytes)
    }

    private func note(_ fill: UInt64, _ lane: Lane) {
        switch lane {
        case .urgent: found.urgent = max(found.urgent, fill)
        case .bulk: found.bulk = max(found.bulk, fill)
        }
    }

    /// Takes what a program merged of several events, which happened some time ago: it says nothing about how long events
    /// take to get here.
    ///
    /// - Returns: Whether it is the batch's newest row now.
    private func takeMerged(_ record: RawSpan, _ id: EnrichmentID, into batch: RowBatch, isWatched: Bool) -> Bool {
        let kind = EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset))
        guard let schema = services.registry.schema(of: kind) else { return false }
        var isTaken = false
        summaries.rewrite(record, of: schema) { summary, count, lastNs in
            ledger.add(.received, kind, count)
            // It can be longer than what it is made of, for which the limits of the drain have left room.
            isTaken = batch.append(summary: summary, merged: count, lastNs: lastNs, enrichmentID: id)
            if !isTaken { ledger.add(.shed, kind, count) }
            if isWatched { tap.append(summary, id) }
        }
        return isTaken
    }

    private func enrichmentID(of record: RawSpan) -> EnrichmentID {
        enrichment?.id(for: record, reader: number, nowNs: nowNs) ?? .none
    }

    /// Looks once more for names that were not known when the rows were read: an answer and the connection that follows it come
    /// through the rings of two CPUs, in either order, and who reads the answer works behind.
    private func findNames(_ intake: LaneIntake) {
        guard let enrichment, let batch = intake.open else { return }
        for row in intake.nameless {
            let id = batch.enrichmentID(at: Int(row))
            let later = batch.withRecord(at: Int(row)) { record in
                enrichment.laterID(id, for: record, reader: number, nowNs: nowNs)
            }
            if later != id { batch.setEnrichmentID(later, at: Int(row)) }
        }
    }

    private func refuse(_ record: RawSpan, _ fault: RecordFault) {
        // A record too short to name its kind is put down to the ledger's, which no program may write.
        let kind =
            record.byteCount > RecordCheck.kindOffset
            ? EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset)) : .ledger
        ledger.add(.received, kind)
        ledger.add(.malformed, kind)
        shared.malformed.addAsOnlyWriter(Int(fault.rawValue) * EventKind.limit + Int(kind.rawValue))
    }

    private static var sequenceOffset: Int { MemoryLayout<UInt64>.size }

    // MARK: - Windows

    /// Ends windows that are old enough, or of which a kind is no longer aggregated.
    private func endWindowsThatAreDue() {
        let switches = services.aggregation.changeCount
        if switches != seenSwitches {
            seenSwitches = switches
            if urgentWindow.follow(services.aggregation.isOn) { endsUrgentWindow = true }
            if bulkWindow.follow(services.aggregation.isOn) { endsBulkWindow = true }
        }
        let mustResize = urgentWindow.capacity != aggregation.maxGroups
        let windowNs = aggregation.windowNs
        if mustResize || endsUrgentWindow || urgentWindow.isDue(nowNs: nowNs, windowNs: windowNs) {
            endsUrgentWindow = !end(urgentWindow, into: &urgentIntake)
        }
        if mustResize || endsBulkWindow || bulkWindow.isDue(nowNs: nowNs, windowNs: windowNs) {
            endsBulkWindow = !end(bulkWindow, into: &bulkIntake)
        }
        if mustResize && urgentWindow.isEmpty && bulkWindow.isEmpty { resizeWindows() }
        storeWindowStatistics()
    }

    private func storeWindowStatistics() {
        var statistics = urgentWindow.statistics
        statistics.add(bulkWindow.statistics)
        statistics.store(in: shared.aggregation)
    }

    /// Makes windows of the size that is asked for, in the place of empty ones.
    private func resizeWindows() {
        urgentWindow = WindowAggregator(replacing: urgentWindow, services.registry, capacity: aggregation.maxGroups)
        bulkWindow = WindowAggregator(replacing: bulkWindow, services.registry, capacity: aggregation.maxGroups)
        _ = urgentWindow.follow(services.aggregation.isOn)
        _ = bulkWindow.follow(services.aggregation.isOn)
    }

    /// Puts a window's summaries into the lane's batches.
    ///
    /// - Returns: Whether all are; else the rest follows when there is room.
    private func end(_ window: WindowAggregator, into intake: inout LaneIntake) -> Bool {
        while !window.isEmpty {
            guard let batch = prepare(&intake) else { return false }
            let isDone = window.flush(into: batch)
            intake.noteRows(nowNs: nowNs, kinds: []) { _, _ in }
            if isDone { return true }
        }
        return true
    }

    // MARK: - Batches

    /// The lane's batch, with room; nil while there is none.
    private func prepare(_ intake: inout LaneIntake) -> RowBatch? {
        intake.open.map(takeMemory)
        if intake.need == .seal {
            seal(&intake)
            push(&intake)
        }
        if intake.need == .batch {
            guard let batch = services.pools.take(reader: number) else { return blocked(intake.lane) }
            intake.begin(batch)
            takeMemory(batch)
        }
        return intake.need == .nothing ? intake.open : blocked(intake.lane)
    }

    /// Memory for the next portion. Where the pool has no more, the batch is as full as it gets. Bulk leaves a quarter of the
    /// pool to urgent.
    private func takeMemory(_ batch: RowBatch) {
        let pool = services.pools.pool(reader: number)
        let sparing = batch.lane == .bulk ? pool.memory.limits[pool.recordTier] / 4 : 0
        batch.reserve(bytes: pool.recordTier.byteCount / 2, rows: Self.urgentPortion, sparing: sparing)
    }

    private func blocked(_ lane: Lane) -> RowBatch? {
        shared.count(lane, .blockedPasses)
        wasBlocked = true
        return nil
    }

    private func seal(_ intake: inout LaneIntake) {
        shared.count(intake.lane, .batches)
        findNames(intake)
        intake.seal(sequence: services.tracker.seal(), enrichment: enrichment?.table ?? .empty)
    }

    private func push(_ intake: inout LaneIntake) {
        guard let batch = intake.takeWaiting() else { return }
        switch services.queue.push(batch, reader: number) {
        case .pushed: break
        case .full(let batch), .closed(let batch): intake.keep(batch)
        }
    }

    /// Seals what is due, hands over what is sealed, and sheds where that has been impossible for too long.
    ///
    /// - Returns: Whether something still waits for a place, or for room in a batch.
    private func handOver(isFinal: Bool, giveUpAtNs: UInt64?) -> Bool {
        let isAsked = sealWanted != sealServed
        var holdsEvents = false
        if isFinal || isAsked {
            holdsEvents = !end(urgentWindow, into: &urgentIntake)
            holdsEvents = !end(bulkWindow, into: &bulkIntake) || holdsEvents
        }
        handOver(&urgentIntake, sealsAll: isFinal || isAsked)
        handOver(&bulkIntake, sealsAll: isFinal || isAsked)
        var urgentWaits = urgentIntake.waiting != nil
        var bulkWaits = bulkIntake.waiting != nil
        if gauge.mustShed(urgentIsBlocked: urgentWaits, bulkIsBlocked: bulkWaits, nowNs: nowNs),
            let oldest = services.queue.takeOldestBulk(reader: number)
        {
            shed(oldest)
            push(&urgentIntake)
            push(&bulkIntake)
        }
        if let giveUpAtNs, nowNs >= giveUpAtNs {
            // The time for an orderly end is over: say what is lost.
            if let batch = bulkIntake.takeWaiting() { shed(batch) }
            if let batch = urgentIntake.takeWaiting() { shed(batch) }
        }
        urgentWaits = urgentIntake.waiting != nil
        bulkWaits = bulkIntake.waiting != nil
        if isAsked && !urgentWaits && !bulkWaits && !holdsEvents {
            sealServed = sealWanted
            shared.served(sealWanted)
        }
        return urgentWaits || bulkWaits || holdsEvents
    }

    private func handOver(_ intake: inout LaneIntake, sealsAll: Bool) {
        push(&intake)
        guard intake.waiting == nil, let open = intake.open, !open.isEmpty else { return }
        guard sealsAll || intake.isDue(nowNs: nowNs, maxAgeNs: ageOfSealing) else { return }
        seal(&intake)
        push(&intake)
    }

    /// An event may have waited for one pass when it was read, and the next may come too late: neither shall make it older
    /// than the batch may be.
    private var ageOfSealing: UInt64 { maxBatchAgeNs - min(2 * timer.idleIntervalNs, maxBatchAgeNs / 2) }

    private func shed(_ batch: RowBatch) {
        for kind in kinds where batch.eventCount(of: kind) > 0 {
            ledger.add(.shed, kind, batch.eventCount(of: kind))
        }
        shared.count(.shedBatches)
        services.tracker.settle(batch.sequence)
        services.pools.giveBack(batch)
    }
}
