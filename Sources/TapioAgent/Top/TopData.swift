public import TapioEvents

/// What `tapio top` knows: readings, and what follows from two of them. Bounded, however long it goes on.
///
/// Rates are differences of the agent's counters over the time between two readings. Where an agent was restarted, or one of its
/// counters runs backwards, there is no rate until the reading after that.
public struct TopData: Sendable {
    /// Readings of which the latencies are kept.
    static let longestHistory = 240
    /// Rankings are added up over about this time by default, seconds: those of a single interval come and go.
    public static let usualRankedSeconds = 5.0
    private static let mostRanked = 10
    /// What is archived is counted over this time, seconds: rows are written by the batch, up to some seconds apart.
    static let archivedSeconds = 15.0
    private static let mostArchived = 64

    /// The last reading; nil before the first.
    public private(set) var reading: TopReading?
    /// Every kind that was counted, the busiest first.
    public private(set) var kinds: [KindRate] = []
    /// The same added up by collector.
    public private(set) var collectors: [CollectorRate] = []
    /// All kinds together.
    public private(set) var total = KindRate()
    /// How the look-ups of events were answered.
    public private(set) var caches: [CacheRate] = []
    /// CPU that the agent used, as a fraction of one core; nil where not known.
    public private(set) var agentCPU: Double?
    /// CPU that the kernel programs used, as a fraction of one core; nil unless the kernel keeps account (kernel.bpf_stats_enabled).
    public private(set) var programCPU: Double?
    /// Compressed bytes written a second; nil where not known.
    public private(set) var archivedBytes: Double?
    /// Records that were not looked at since this began, because they were too many.
    public private(set) var skipped: UInt64 = 0
    /// Records that were.
    public private(set) var looked: UInt64 = 0
    private(set) var p50: [UInt64?] = []
    private(set) var p99: [UInt64?] = []
    private var recent: [TopReading] = []
    private var archived: [Archived] = []

    /// What was archived up to a reading, by kind.
    private struct Archived: Sendable {
        var seconds: Double
        var counts: [String: UInt64]
        var bytes: UInt64
    }

    private let mostRankedSeconds: Double

    /// Nothing known yet.
    ///
    /// - Parameter rankedSeconds: Rankings are added up over the last readings of about this time; 0: of the last alone.
    public init(rankedSeconds: Double = TopData.usualRankedSeconds) {
        mostRankedSeconds = rankedSeconds
    }

    /// Takes the next reading.
    public mutating func add(_ next: TopReading) {
        let before = reading.flatMap { TopData.isSame($0.status, next.status) ? $0.status : nil }
        if before == nil { self = TopData(rankedSeconds: mostRankedSeconds) }
        reading = next
        let seconds = next.seconds
        // The first of a connection is a snapshot: what was before it is not known to be one interval old.
        guard seconds > 0 else {
            archived = []
            noteArchived(next)
            setRates(next.status, from: nil, seconds: 0)
            return
        }
        setRates(next.status, from: before, seconds: seconds)
        if before != nil { setArchived(next) }
        noteArchived(next)
        skipped += next.skipped
        looked += next.records
        TopData.append(next.latencyP50Ns, to: &p50)
        TopData.append(next.latencyP99Ns, to: &p99)
        recent.append(next)
        var ranked = recent.reduce(0) { $0 + $1.seconds }
        while recent.count > 1, recent.count > TopData.mostRanked || ranked - recent[0].seconds >= mostRankedSeconds {
            ranked -= recent.removeFirst().seconds
        }
    }

    /// How long the rankings were added up, seconds; 0 before the first.
    public var rankedSeconds: Double { recent.reduce(0) { $0 + $1.seconds } }

    /// Events that the records stand for over which the rankings are made.
    public var rankedEvents: Double { recent.reduce(0) { $0 + $1.events } }

    /// Who had most, over ``rankedSeconds``.
    public func ranking(
        _ path: (TopReading) -> TopReading.Ranking,
        limit: Int = ControlRequest.Top.mostEntries
    ) -> TopReading.Ranking {
        TopReading.Ranking.merged(recent.map(path), limit: limit)
    }

    private static func isSame(_ one: StatusReport, _ other: StatusReport) -> Bool {
        one.pid == other.pid && one.startedAt == other.startedAt
    }

    private static func append(_ value: UInt64?, to values: inout [UInt64?]) {
        if values.count >= longestHistory { values.removeFirst() }
        values.append(value)
    }

    // MARK: Rates

    private mutating func setRates(_ now: StatusReport, from before: StatusReport?, seconds: Double) {
        let earlier = Dictionary((before?.ledger ?? []).map { ($0.kind, $0.counts) }, uniquingKeysWith: { $1 })
        kinds = now.ledger.map { line in
            var rate = KindRate()
            rate.kind = line.kind
            rate.collector = line.collector
            rate.priority = line.priority
            rate.rung = line.rung ?? "full"
            rate.keep = line.keep ?? 1
            rate.counts = line.counts
            // A kind that was not there before had counted nothing.
            if before != nil { rate.rates = Rates(line.counts, since: earlier[line.kind] ?? LedgerEntry(), seconds) }
            return rate
        }
        kinds.sort { ($1.order, $0.kind) < ($0.order, $1.kind) }
        total = KindRate()
        total.kind = "all"
        if before != nil { total.rates = Rates() }
        for kind in kinds { total.add(kind) }
        collectors = now.collectors.map { collector in
            var sum = KindRate()
            if before != nil { sum.rates = Rates() }
            for kind in kinds where kind.collector == collector.name { sum.add(kind) }
            return CollectorRate(name: collector.name, state: collector.state, error: collector.error, sum: sum)
        }
        collectors.sort { ($1.sum.order, $0.name) < ($0.sum.order, $1.name) }
        let cachesBefore = Dictionary((before?.enrichment.caches ?? []).map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        caches = now.enrichment.caches.map { CacheRate($0, before: cachesBefore[$0.name]) }
        agentCPU = before.flatMap { TopData.cpu(now.process, $0.process, seconds) }
        programCPU = before.flatMap { TopData.programCPU(now, $0, seconds) }
        archivedBytes = nil
    }

    /// Puts what was archived over a longer time in the place of what was in this interval.
    private mutating func setArchived(_ now: TopReading) {
        guard let oldest = archived.first else { return }
        let seconds = archived.dropFirst().reduce(now.seconds) { $0 + $1.seconds }
        for index in kinds.indices where kinds[index].rates != nil {
            let count = kinds[index].counts.archived
            let rate = TopData.rate(count, oldest.counts[kinds[index].kind] ?? 0, seconds)
            kinds[index].rates?.archived = rate ?? 0
        }
        total.rates?.archived = kinds.reduce(0) { $0 + ($1.rates?.archived ?? 0) }
        for index in collectors.indices {
            let name = collectors[index].name
            let sum = kinds.reduce(0) { $0 + ($1.collector == name ? $1.rates?.archived ?? 0 : 0) }
            collectors[index].sum.rates?.archived = sum
        }
        archivedBytes = TopData.rate(now.status.archive.bytesWritten, oldest.bytes, seconds)
    }

    /// Short intervals are added up, so that the time is covered by few.
    private mutating func noteArchived(_ reading: TopReading) {
        let counts = Dictionary(reading.status.ledger.map { ($0.kind, $0.counts.archived) }, uniquingKeysWith: { $1 })
        var next = Archived(seconds: reading.seconds, counts: counts, bytes: reading.status.archive.bytesWritten)
        if archived.count > 1, let last = archived.last,
            last.seconds < TopData.archivedSeconds / Double(TopData.mostArchived)
        {
            next.seconds += last.seconds
            archived.removeLast()
        }
        archived.append(next)
        // All but the first say how long it was since the one before; the next reading adds its own interval.
        var covered = archived.dropFirst().reduce(0) { $0 + $1.seconds }
        while archived.count > 2, covered + reading.seconds - archived[1].seconds >= TopData.archivedSeconds {
            covered -= archived[1].seconds
            archived.removeFirst()
        }
    }

    private static func rate(_ now: UInt64, _ before: UInt64, _ seconds: Double) -> Double? {
        now >= before && seconds > 0 ? Double(now - before) / seconds : nil
    }

    private static func cpu(_ now: StatusReport.Process, _ before: StatusReport.Process, _ seconds: Double) -> Double? {
        let used = now.userSeconds + now.systemSeconds - before.userSeconds - before.systemSeconds
        return used >= 0 && seconds > 0 ? used / seconds : nil
    }

    /// Programs count only while somebody wants them to: where none moved, nobody does.
    private static func programCPU(_ now: StatusReport, _ before: StatusReport, _ seconds: Double) -> Double? {
        func used(_ report: StatusReport) -> UInt64 {
            report.collectors.flatMap(\.programs).reduce(0) { $0 &+ $1.runTimeNs }
        }
        guard used(now) > used(before), let rate = rate(used(now), used(before), seconds) else { return nil }
        return rate / 1e9
    }

    /// Events a second, by what became of them.
    public struct Rates: Codable, Sendable, Hashable {
        /// That a probe decided about.
        public var seen = 0.0
        /// That became rows of the archive, over the last fifteen seconds.
        public var archived = 0.0
        /// Not kept by chance.
        public var sampledOut = 0.0
        /// Turned away by a program's filter.
        public var filtered = 0.0
        /// Merged into summaries.
        public var aggregated = 0.0
        /// Lost, for whatever reason.
        public var lost = 0.0

        init() {}

        /// Nil where a counter ran backwards: it began anew in between.
        init?(_ now: LedgerEntry, since before: LedgerEntry, _ seconds: Double) {
            func rate(_ count: (LedgerEntry) -> UInt64) -> Double? { TopData.rate(count(now), count(before), seconds) }
            guard let seen = rate({ $0.attempted }), let archived = rate({ $0.archived }),
                let sampledOut = rate({ $0.sampledOut }), let filtered = rate({ $0.filtered }),
                let aggregated = rate({ $0.aggregated }), let lost = rate({ $0.lost })
            else { return nil }
            self.seen = seen
            self.archived = archived
            self.sampledOut = sampledOut
            self.filtered = filtered
            self.aggregated = aggregated
            self.lost = lost
        }

        mutating func add(_ other: Rates) {
            seen += other.seen
            archived += other.archived
            sampledOut += other.sampledOut
            filtered += other.filtered
            aggregated += other.aggregated
            lost += other.lost
        }
    }

    /// What happens to a kind's events.
    public struct KindRate: Codable, Sendable, Hashable {
        /// Its name.
        public var kind = ""
        /// The collector that emits it.
        public var collector = ""
        /// critical, high, normal or low.
        public var priority = ""
        /// full, sampled, aggregated or counted_only.
        public var rung = "full"
        /// The probability with which an event is kept now.
        public var keep = 1.0
        /// Since the agent's start.
        public var counts = LedgerEntry()
        /// A second; nil where not known.
        public var rates: Rates?

        init() {}

        /// Whether less than everything is kept now.
        public var isReduced: Bool { keep < 1 || rung != "full" }

        var order: Double { rates?.seen ?? 0 }

        mutating func add(_ other: KindRate) {
            counts.add(other.counts)
            if let rates = other.rates { self.rates?.add(rates) }
        }
    }

    /// What happens to the events of all kinds of a collector.
    public struct CollectorRate: Codable, Sendable, Hashable {
        /// As in the configuration.
        public var name: String
        /// disabled, starting, running, failed, stopping, stopped, unavailable.
        public var state: String
        /// Why it failed.
        public var error: String?
        /// Of its kinds.
        public var sum: KindRate
    }

    /// How many of the questions to a cache it could answer.
    public struct CacheRate: Codable, Sendable, Hashable {
        /// What is asked for: cgroups, names or services.
        public var name: String
        /// In the last interval; where nobody asked in it, since the start; nil where nobody ever did.
        public var hitRatio: Double?

        init(_ now: StatusReport.Cache, before: StatusReport.Cache?) {
            name = now.name
            let recent = before.flatMap { CacheRate.ratio(now, since: $0) }
            hitRatio = recent ?? CacheRate.ratio(now, since: StatusReport.Cache(name: now.name))
        }

        private static func ratio(_ now: StatusReport.Cache, since before: StatusReport.Cache) -> Double? {
            func asked(_ cache: StatusReport.Cache) -> UInt64 {
                cache.hits &+ cache.misses &+ cache.expired &+ cache.contended
            }
            guard now.hits >= before.hits, asked(now) > asked(before) else { return nil }
            return min(1, Double(now.hits - before.hits) / Double(asked(now) - asked(before)))
        }
    }
}
