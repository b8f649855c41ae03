public import TapioEvents
import TapioKernel

/// Decides how much of each kind is kept when not all of it can be: full → sampled → aggregated → counted only, by
/// priority. A pure value: no threads, no clock.
///
/// What it promises:
/// - Critical events are never touched. High ones are only sampled, never below 1/64, and only where normal and low ones are
///   counted only already and their own rings are under pressure.
/// - A kind of lower priority gets nothing of the budget before all that a higher one demands is met. Within a priority the
///   budget is shared fairly: a flood takes nothing from kinds that demand little.
/// - It reacts in the tick in which it sees pressure, and all is kept again within five seconds after the pressure ends.
/// - A probability holds for an epoch of at least a quarter second where it is raised; it falls at once. Under a steady
///   overload it changes a few times in a second at most.
/// - The operator's probabilities are never exceeded.
public struct OverflowLadder: Sendable {
    /// How a kind stands.
    public struct State: Sendable, Hashable {
        /// How much is kept of it.
        public fileprivate(set) var rung: Rung
        /// The probability in force has had so many predecessors. From 0.
        public fileprivate(set) var epoch: UInt64 = 0
        /// When the epoch began, on the clock of the ticks; 0 for the first.
        public fileprivate(set) var sinceNs: UInt64
        /// Events a second that want to pass.
        public fileprivate(set) var demand = 0.0
    }

    /// A step of one kind.
    public struct Change: Sendable, Hashable {
        /// The kind.
        public var kind: EventKind
        /// What held.
        public var from: Rung
        /// What holds from now on.
        public var to: Rung
        /// Why.
        public var cause: PressureCause
    }

    private struct Kind {
        let priority: Priority
        var ceiling: Double
        var canAggregate: Bool
        var state: State

        var base: Rung { ceiling < 1 ? .sampled(ceiling) : .full }
        /// What can pass at most.
        var wanted: Double { state.demand * ceiling }
    }

    private enum Level { case low, between, high(PressureCause, fill: Double, isLosing: Bool) }

    /// The marks in force.
    public var policy: OverflowPolicy
    private var kinds: [EventKind: Kind] = [:]
    /// The kinds of a priority, in the order of their numbers.
    private var classes: [[EventKind]] = [[], [], [], []]
    /// For all kinds; those of high priority and critical ones take from it first.
    private var budget = EventBudget()
    /// For the kinds of high priority, where they are sampled.
    private var urgentBudget = EventBudget()
    private var lastNs: UInt64?
    private var cutNs: UInt64 = 0
    private var stepNs: UInt64 = 0
    private var settledNs: UInt64 = 0
    private var betweenSinceNs: UInt64?
    private var hasLostBefore = (urgent: false, bulk: false)
    private var departures = Flow()
    private var taken = (all: Flow(), urgent: Flow())
    /// The pressure after which it was cut last, or found to fall.
    private var pressed: (cause: PressureCause, fill: Double)?

    /// A ladder on which all kinds stand at the top.
    ///
    /// - Parameters:
    ///   - canAggregate: Whether the reader can merge events of a kind.
    ///   - ceiling: The operator's keep probability of a kind, 0 < p ≤ 1.
    public init(
        registry: SchemaRegistry,
        policy: OverflowPolicy = OverflowPolicy(),
        canAggregate: (EventSchema) -> Bool = { _ in false },
        ceiling: (EventSchema) -> Double = { _ in 1 }
    ) {
        self.policy = policy
        for schema in registry.schemas where schema.kind != .ledger {
            let most = schema.priority == .critical ? 1 : Rung.drawable(ceiling(schema))
            kinds[schema.kind] = Kind(
                priority: schema.priority,
                ceiling: most,
                canAggregate: canAggregate(schema) && schema.priority.lane == .bulk,
                state: State(rung: most < 1 ? .sampled(most) : .full, sinceNs: 0)
            )
            classes[Int(schema.priority.rawValue)].append(schema.kind)
        }
    }

    /// How a kind stands; nil for one that no schema declares.
    public func state(of kind: EventKind) -> State? { kinds[kind]?.state }

    /// Whether any kind is below what the operator allows.
    public var isLimiting: Bool { kinds.values.contains { $0.state.rung != $0.base } }

    /// Events a second that are let through, all kinds together; nil while there is no limit.
    public var eventsPerSecond: Double? { budget.limit }

    /// Takes over marks, what can be merged and the operator's probabilities; gives the steps that follow at once.
    public mutating func configure(
        _ policy: OverflowPolicy,
        nowNs: UInt64,
        canAggregate: (EventKind) -> Bool = { _ in false },
        ceiling: (EventKind) -> Double
    ) -> [Change] {
        self.policy = policy
        if !policy.isAutomatic {
            budget = EventBudget()
            urgentBudget = EventBudget()
        }
        for kind in kinds.keys where kinds[kind]!.priority != .critical {
            kinds[kind]!.ceiling = Rung.drawable(ceiling(kind))
            kinds[kind]!.canAggregate = canAggregate(kind) && kinds[kind]!.priority.lane == .bulk
        }
        return allocate(.configuration, nowNs: nowNs, raises: true, isExact: true)
    }

    /// Begins a span anew, after a time in which nobody looked: what the next ``tick(_:loads:nowNs:)`` is told is from here
    /// on.
    public mutating func resume(nowNs: UInt64) { lastNs = nowNs }

    /// Looks at pressure and demand since the last call, and gives the steps that they ask for. Call it every 50 ms or so;
    /// the first call only begins.
    public mutating func tick(
        _ reading: PressureReading,
        loads: [EventKind: KindLoad],
        nowNs: UInt64
    ) -> [Change] {
        guard let last = lastNs, nowNs > last else {
            if lastNs == nil { lastNs = nowNs }
            return []
        }
        lastNs = nowNs
        let seconds = Double(nowNs - last) / 1e9
        let carried = measure(loads, reading, seconds)
        departures.add(Double(reading.departed), seconds)
        let level = level(of: reading)
        guard policy.isAutomatic else { return [] }

        if case .between = level { betweenSinceNs = betweenSinceNs ?? nowNs } else { betweenSinceNs = nil }
        switch level {
        case .high(let cause, let fill, let isLosing):
            guard nowNs >= settledNs else { return follow(nowNs) }
            let isFalling = pressed.map { $0.cause == cause && fill < $0.fill - OverflowPolicy.drained } ?? false
            pressed = (cause, fill)
            settledNs = nowNs + settleTime(cause)
            if isFalling && !isLosing { return follow(nowNs) }
            cut(cause, carried, nowNs)
            return allocate(cause, nowNs: nowNs, raises: false)
        case .low:
            pressed = nil
            guard nowNs >= max(stepNs, cutNs) + OverflowPolicy.raiseEveryNs else { return follow(nowNs) }
            raise(by: OverflowPolicy.raise, nowNs)
            return allocate(.recovery, nowNs: nowNs, raises: true)
        case .between:
            guard nowNs >= (betweenSinceNs ?? nowNs) + OverflowPolicy.creepAfterNs,
                nowNs >= max(stepNs, cutNs) + OverflowPolicy.raiseEveryNs
            else { return follow(nowNs) }
            raise(by: OverflowPolicy.creep, nowNs)
            return allocate(.recovery, nowNs: nowNs, raises: true)
        }
    }

    // MARK: - What is

    /// Takes over what each kind demands; gives what the readers can take, in rows a second: what they took just now or in
    /// the last second, whichever is more. A reader that had no CPU for a moment took nothing, and can take no less for it.
    private mutating func measure(
        _ loads: [EventKind: KindLoad],
        _ reading: PressureReading,
        _ seconds: Double
    ) -> (all: Double, urgent: Double) {
        var bulk = (events: 0.0, rows: 0.0)
        for kind in kinds.keys {
            let load = loads[kind] ?? KindLoad(wanted: 0, submitted: 0)
            let rate = Double(load.wanted) / seconds
            let known = kinds[kind]!.state.demand
            let eased = known + (rate - known) * OverflowPolicy.demandDecay
            // What is left of a flood after some seconds is none.
            kinds[kind]!.state.demand = rate == 0 && eased < 1 ? 0 : max(rate, eased)
            guard kinds[kind]!.priority.lane == .bulk else { continue }
            bulk.events += Double(load.submitted)
            bulk.rows +=
                Double(load.submitted) * (kinds[kind]!.state.rung.isAggregated ? OverflowPolicy.aggregatedCost : 1)
        }
        let rowsPerEvent = bulk.events > 0 ? bulk.rows / bulk.events : 1
        let urgent = Double(reading.urgentRings.taken)
        let all = urgent + Double(reading.bulkRings.taken) * rowsPerEvent
        taken.all.add(all, seconds)
        taken.urgent.add(urgent, seconds)
        return (max(all / seconds, taken.all.perSecond), max(urgent / seconds, taken.urgent.perSecond))
    }

    private mutating func level(of reading: PressureReading) -> Level {
        let urgent = pressure(reading.urgentRings, hasLostBefore: hasLostBefore.urgent)
        let bulk = pressure(reading.bulkRings, hasLostBefore: hasLostBefore.bulk)
        hasLostBefore = (reading.urgentRings.lost > 0, reading.bulkRings.lost > 0)
        let batches = reading.batches.fill
        var export = reading.export.fill
        if reading.exportAgeNs >= policy.staleExportNs, max(export, batches) >= policy.low { export = 1 }
        let most = max(urgent, bulk, batches, export)
        if most < policy.low { return .low }
        if most < policy.high { return .between }
        // The last stage that is pressed is the reason for those before it, but for a reader that can't follow.
        if urgent >= policy.high {
            return .high(.urgentRing, fill: reading.urgentRings.latest, isLosing: reading.urgentRings.lost > 0)
        }
        if export >= policy.high { return .high(.export, fill: reading.export.fill + batches, isLosing: false) }
        if batches >= policy.high { return .high(.batches, fill: batches, isLosing: false) }
        return .high(.bulkRing, fill: reading.bulkRings.latest, isLosing: reading.bulkRings.lost > 0)
    }

    /// A ring that was full for a moment is drained, and no reason to keep less: only one that stays full, or overflows
    /// again and again.
    private func pressure(_ rings: PressureReading.Rings, hasLostBefore: Bool) -> Double {
        if rings.lost > 0 && hasLostBefore { return 1 }
        return rings.latest >= policy.low ? max(rings.peak, rings.latest) : rings.latest
    }

    // MARK: - What shall be

    private mutating func cut(_ cause: PressureCause, _ carried: (all: Double, urgent: Double), _ nowNs: UInt64) {
        cutNs = nowNs
        var flow = carried.all
        switch cause {
        case .urgentRing where isBulkCountedOnly:
            return urgentBudget.cut(
                flow: max(0, carried.urgent - wanted(.critical)),
                demand: wanted(.high),
                nowNs: nowNs
            )
        case .urgentRing:
            // Whatever bulk takes of the reader's time, it takes from urgent ones that are being lost.
            flow *= OverflowPolicy.deepestCut
        case .batches, .export:
            // What leaves tells what can be carried; what came meanwhile went into the backlog.
            let part = flow > 0 ? departures.perSecond / flow : 1
            flow *= max(OverflowPolicy.deepestCut, min(1, part))
        case .bulkRing, .recovery, .demand, .configuration: break
        }
        let demand = Priority.allCases.reduce(0) { $0 + wanted($1) }
        budget.cut(flow: flow, demand: demand, nowNs: nowNs)
    }

    /// How long the effect of a cut is awaited.
    private func settleTime(_ cause: PressureCause) -> UInt64 {
        switch cause {
        case .batches, .export: OverflowPolicy.backlogSettleNs
        default: OverflowPolicy.ringSettleNs
        }
    }

    private mutating func raise(by factor: Double, _ nowNs: UInt64) {
        stepNs = nowNs
        let high = wanted(.high)
        if urgentBudget.limit != nil {
            urgentBudget.raise(
                by: factor == OverflowPolicy.raise ? OverflowPolicy.urgentRaise : factor,
                demand: high,
                least: high * OverflowPolicy.leastUrgent,
                othersNs: EventBudget.wholeRecoveryNs,
                nowNs: nowNs
            )
            // The others wait until the urgent ones have all they demand.
            if let limit = urgentBudget.limit, limit < high { return }
            urgentBudget = EventBudget()
        }
        let urgent = wanted(.critical) + high
        let bulk = wanted(.normal) + wanted(.low)
        budget.raise(
            by: factor,
            demand: urgent + bulk,
            least: urgent + bulk * OverflowPolicy.firstPart,
            nowNs: nowNs
        )
    }

    /// Without a look at pressure: where demand has grown beyond the budget, less is kept of it at once.
    private mutating func follow(_ nowNs: UInt64) -> [Change] {
        guard let limit = budget.limit else { return [] }
        let passing = kinds.values.reduce(0) { sum, kind in
            let rung = kind.state.rung
            return sum + kind.state.demand * rung.probability * (rung.isAggregated ? OverflowPolicy.aggregatedCost : 1)
        }
        guard passing > limit * OverflowPolicy.surge else { return [] }
        return allocate(.demand, nowNs: nowNs, raises: false)
    }

    private func wanted(_ priority: Priority) -> Double {
        classes[Int(priority.rawValue)].reduce(0) { $0 + kinds[$1]!.wanted }
    }

    private var isBulkCountedOnly: Bool {
        let bulk = classes[Int(Priority.normal.rawValue)] + classes[Int(Priority.low.rawValue)]
        return bulk.allSatisfy { kinds[$0]!.state.rung == .countedOnly }
    }

    /// Gives each kind its rung from the budgets.
    ///
    /// - Parameters:
    ///   - raises: Whether a kind may get more than it has.
    ///   - isExact: Whether small changes count, too.
    private mutating func allocate(
        _ cause: PressureCause,
        nowNs: UInt64,
        raises: Bool,
        isExact: Bool = false
    ) -> [Change] {
        var changes: [Change] = []
        let urgentLevel = urgentBudget.limit.map { fill(.high, $0) } ?? .infinity
        for kind in classes[Int(Priority.high.rawValue)] {
            let share = max(share(kind, of: urgentLevel), min(kinds[kind]!.ceiling, OverflowPolicy.leastUrgent))
            let rung = share >= kinds[kind]!.ceiling ? kinds[kind]!.base : .sampled(Rung.drawable(share))
            step(kind, to: rung, cause, nowNs, raises, isExact, &changes)
        }
        var rest = budget.limit.map { limit in
            let high = classes[Int(Priority.high.rawValue)].reduce(0) { sum, kind in
                sum + kinds[kind]!.state.demand * kinds[kind]!.state.rung.probability
            }
            return limit - wanted(.critical) - high
        }
        if urgentBudget.limit != nil { rest = 0 }
        for priority in [Priority.normal, .low] {
            let level = rest.map { fill(priority, $0) } ?? .infinity
            for kind in classes[Int(priority.rawValue)] {
                let isOut = rest.map { $0 <= 0 } ?? false
                let rung = isOut ? .countedOnly : rung(kind, share: share(kind, of: level))
                step(kind, to: rung, cause, nowNs, raises, isExact, &changes)
            }
            rest = rest.map { $0 - wanted(priority) }
        }
        return changes
    }

    private func fill(_ priority: Priority, _ amount: Double) -> Double {
        WaterFill.level(amount, among: classes[Int(priority.rawValue)].map { kinds[$0]!.wanted })
    }

    /// The part of a kind's events for which there is room, where each kind gets at most `level` a second.
    private func share(_ kind: EventKind, of level: Double) -> Double {
        let kind = kinds[kind]!
        return level >= kind.wanted ? kind.ceiling : level / kind.state.demand
    }

    private func rung(_ kind: EventKind, share: Double) -> Rung {
        let own = kinds[kind]!
        if share >= own.ceiling { return own.base }
        let depth = own.state.rung.depth
        let rise = OverflowPolicy.rungHysteresis
        guard own.canAggregate else {
            let least = OverflowPolicy.leastKept * (depth > 1 ? rise : 1)
            return share >= least ? .sampled(Rung.drawable(share)) : .countedOnly
        }
        if share >= OverflowPolicy.aggregateBelow * (depth > 1 ? rise : 1) { return .sampled(Rung.drawable(share)) }
        let probability = min(own.ceiling, share / OverflowPolicy.aggregatedCost)
        let least = OverflowPolicy.leastKept * (depth > 2 ? rise : 1)
        return probability >= least ? .aggregated(Rung.drawable(probability)) : .countedOnly
    }

    private mutating func step(
        _ kind: EventKind,
        to rung: Rung,
        _ cause: PressureCause,
        _ nowNs: UInt64,
        _ raises: Bool,
        _ isExact: Bool,
        _ changes: inout [Change]
    ) {
        let old = kinds[kind]!.state.rung
        guard rung != old else { return }
        let isLess =
            rung.depth != old.depth ? rung.depth > old.depth : rung.probability < old.probability
        guard isLess || raises else { return }
        if rung.depth == old.depth, !isExact, rung != kinds[kind]!.base {
            let ratio = rung.probability / old.probability
            guard ratio < 1 - OverflowPolicy.deadBand || ratio > 1 + OverflowPolicy.deadBand else { return }
        }
        kinds[kind]!.state.rung = rung
        kinds[kind]!.state.epoch += 1
        kinds[kind]!.state.sinceNs = nowNs
        changes.append(Change(kind: kind, from: old, to: rung, cause: cause))
    }
}

/// Rows that pass in a second, smoothed over about one: readers drain in spurts, and batches leave one at a time.
private struct Flow: Sendable {
    private var sum = 0.0
    private var weight = 0.0
    private static let seconds = 1.0

    mutating func add(_ rows: Double, _ elapsed: Double) {
        // Weights of earlier spans fade; at the start there are none, so that the sum of weights counts.
        let kept = max(0, 1 - elapsed / Self.seconds)
        sum = sum * kept + rows
        weight = weight * kept + elapsed
    }

    var perSecond: Double { weight > 0 ? sum / weight : 0 }
}
