import Logging
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioRings

/// What the operator says about sampling.
struct OverflowSettings: Sendable, Hashable {
    /// When the ladder reacts.
    var policy = OverflowPolicy()
    /// Keep probability that is never exceeded; kinds that are absent are kept whole.
    var ceilings: [EventKind: Double] = [:]
    /// Who draws the lot; each event where a kind is absent.
    var modes: [EventKind: SamplingMode] = [:]
    /// Kinds whose events can be merged under pressure.
    var aggregatable: Set<EventKind> = []
}

/// Watches how hard the pipeline is pressed, and tells the kernel's programs how much of each kind to keep.
///
/// It only carries out: ``OverflowLadder`` decides. It looks at the pipeline every 50 ms, which costs some µs, and at the
/// kernel's counters where anything moves.
actor OverflowController {
    private let plane: KernelPlane
    private let pipeline: Pipeline
    private let ledger: Ledger
    private let registry: SchemaRegistry
    private let logger: Logger
    private let aggregate: @Sendable (Bool, EventKind) -> Void
    private let kinds: [EventSchema]

    private var settings = OverflowSettings()
    private var ladder: OverflowLadder
    private var meter = PressureMeter()
    private var journal = SamplingJournal()
    private var log = RungLog()
    private var counts: [EventKind: KernelCounts] = [:]
    /// When the kernel's counters were read last; nil: not since the pipeline was idle.
    private var countedNs: UInt64?
    private var lastTaken: UInt64 = 0
    /// The most recent reading.
    private var reading = PressureReading()
    private var cannotRead = false

    private static let tick = Duration.milliseconds(50)
    /// Ticks that one takes while nothing happens: each costs some 50 us of CPU time, most of it to wake up.
    private static let idleTicks = 4
    /// Fewer records in a tick are no load that could press anything.
    private static let idleRecords: UInt64 = 50
    private var isIdle = false

    /// A controller of a pipeline that reads from `plane`.
    ///
    /// - Parameter aggregate: Told which kinds the readers are to merge.
    init(
        plane: KernelPlane,
        pipeline: Pipeline,
        ledger: Ledger,
        registry: SchemaRegistry,
        logger: Logger,
        aggregate: @escaping @Sendable (Bool, EventKind) -> Void = { _, _ in }
    ) {
        self.plane = plane
        self.pipeline = pipeline
        self.ledger = ledger
        self.registry = registry
        self.logger = logger
        self.aggregate = aggregate
        kinds = registry.schemas.filter { $0.kind != .ledger }
        ladder = OverflowLadder(registry: registry)
    }

    /// Watches until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: Self.tick * (isIdle ? Self.idleTicks : 1))) != nil { look() }
    }

    /// Takes over what the operator says, at once.
    func apply(_ settings: OverflowSettings) {
        let nowNs = MonotonicClock.bootTimeNs
        self.settings = settings
        for schema in kinds {
            plane.control.setMode(settings.modes[schema.kind] ?? .independent, kind: schema.kind.rawValue)
        }
        let changes = ladder.configure(
            settings.policy,
            nowNs: nowNs,
            canAggregate: { settings.aggregatable.contains($0) },
            ceiling: { settings.ceilings[$0] ?? 1 }
        )
        carryOut(changes.map(\.kind))
        // What the operator does stands in the row of the reload.
        for change in changes { log.note(change) }
        _ = log.due(nowNs: nowNs)
    }

    /// What happened since the last call, a row for each kind whose probability changed.
    func takeLedgerRows(_ nowNs: Int64) -> [LedgerRow] {
        journal.takeRows(nowNs: nowNs, registry: registry)
    }

    // MARK: - A tick

    private func look() {
        let nowNs = MonotonicClock.bootTimeNs
        let pressure = pipeline.pressure()
        let taken = pressure.urgent.taken &+ pressure.bulk.taken
        let idleRecords = Self.idleRecords * UInt64(isIdle ? Self.idleTicks : 1)
        isIdle =
            taken &- lastTaken < idleRecords && !ladder.isLimiting
            && max(pressure.urgent.latest, pressure.bulk.latest) < settings.policy.low / 2
        lastTaken = taken
        tell(nowNs)
        if isIdle {
            countedNs = nil
            reading = PressureReading()
            return
        }
        guard let loads = readCounters(pressure, nowNs) else { return }
        let changes = ladder.tick(reading, loads: loads, nowNs: nowNs)
        guard !changes.isEmpty else { return }
        carryOut(changes.map(\.kind))
        for change in changes {
            journal.note(change, atNs: Int64(nowNs))
            log.note(change)
        }
    }

    /// What each kind demanded since the last look; nil where this is the first after an idle time, which begins a span.
    private func readCounters(_ pressure: PipelinePressure, _ nowNs: UInt64) -> [EventKind: KindLoad]? {
        let counters: CounterSnapshot
        do throws(KernelError) {
            counters = try plane.counters()
            cannotRead = false
        } catch {
            if !cannotRead { logger.error("the kernel's counters cannot be read, so overload is not seen: \(error)") }
            cannotRead = true
            return nil
        }
        var totals = PressureMeter.Counts()
        var loads: [EventKind: KindLoad] = [:]
        for schema in kinds {
            let now = counters.counts(kind: schema.kind.rawValue)
            let since = now - (counts[schema.kind] ?? KernelCounts())
            counts[schema.kind] = now
            loads[schema.kind] = KindLoad(wanted: since.wanted, submitted: since.submittedSingly)
            switch schema.priority.lane {
            case .urgent: totals.urgentLost &+= now.ringFull
            case .bulk: totals.bulkLost &+= now.ringFull
            }
            totals.departed &+= ledger.value(.archived, schema.kind) &+ ledger.value(.failed, schema.kind)
        }
        reading = meter.reading(pressure, totals, nowNs: MonotonicClock.monotonicNs)
        let isFirst = countedNs == nil
        countedNs = nowNs
        if isFirst {
            ladder.resume(nowNs: nowNs)
            return nil
        }
        return loads
    }

    private func carryOut(_ changed: [EventKind]) {
        for kind in changed {
            guard let rung = ladder.state(of: kind)?.rung else { continue }
            plane.control.setKeep(rung.keepFraction, kind: kind.rawValue)
            aggregate(rung.isAggregated, kind)
        }
    }

    /// One line for all kinds to which the same happens at a time.
    private func tell(_ nowNs: UInt64) {
        var lines: [(text: (String) -> String, isWarning: Bool, key: String, names: [String])] = []
        for change in log.due(nowNs: nowNs) {
            let isDeeper = change.to.isDeeper(than: change.from)
            let (to, cause) = (change.to.text, change.cause.text)
            let key = isDeeper ? "\(to) \(cause)" : to
            let name = registry.name(of: change.kind)
            if let line = lines.firstIndex(where: { $0.isWarning == isDeeper && $0.key == key }) {
                lines[line].names.append(name)
            } else if isDeeper {
                lines.append(({ "overload (\(cause)): \($0) now \(to), counted all the same" }, true, key, [name]))
            } else {
                lines.append(({ "less pressure: \($0) \(to) again" }, false, key, [name]))
            }
        }
        for line in lines {
            let names = line.names.joined(separator: ", ") + (line.names.count == 1 ? " is" : " are")
            logger.log(level: line.isWarning ? .warning : .notice, "\(line.text(names))")
        }
    }

    // MARK: - Status

    /// How each kind stands, and what presses.
    func status(_ clock: ClockOffset) -> StatusReport.Overflow {
        var result = StatusReport.Overflow()
        result.isAutomatic = settings.policy.isAutomatic
        result.eventsPerSecond = ladder.eventsPerSecond
        result.pressure.urgentRing = max(reading.urgentRings.peak, reading.urgentRings.latest)
        result.pressure.bulkRing = max(reading.bulkRings.peak, reading.bulkRings.latest)
        result.pressure.batches = reading.batches.fill
        result.pressure.export = reading.export.fill
        result.pressure.exportAgeNs = reading.exportAgeNs
        result.kinds = kinds.compactMap { schema in
            guard let state = ladder.state(of: schema.kind) else { return nil }
            return StatusReport.KindSampling(
                kind: schema.name,
                rung: state.rung.name,
                keep: state.rung.probability,
                configuredKeep: settings.ceilings[schema.kind] ?? 1,
                mode: (settings.modes[schema.kind] ?? .independent).rawValue,
                epochs: state.epoch,
                since: state.epoch == 0 ? nil : clock.utcMicroseconds(boot: Int64(state.sinceNs)),
                eventsPerSecond: state.demand
            )
        }
        return result
    }
}

extension Rung {
    fileprivate func isDeeper(than other: Rung) -> Bool { depth > other.depth }
}

extension PressureCause {
    /// For people.
    fileprivate var text: String {
        switch self {
        case .urgentRing: "the urgent rings fill up"
        case .bulkRing: "the bulk rings fill up"
        case .batches: "batches wait for the encoders"
        case .export: "the archive does not keep up"
        case .recovery: "pressure is over"
        case .demand: "more events came"
        case .configuration: "configuration"
        }
    }
}
