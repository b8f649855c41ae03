import TapioEvents

/// What the ledger's rows say, by bucket, and the gaps that they tell of.
struct LedgerFigures {
    /// The columns that it reads.
    static let columns =
        ["ledger_entry", "ledger_kind", "ledger_reason", "ledger_note", "ledger_from", "ledger_to", "ledger_count"]
        + counts.map { "ledger_" + $0 }

    private static let counts = [
        "attempted", "filtered", "sampled_out", "ring_full", "malformed", "aggregated", "shed", "failed", "archived",
    ]
    private static let losses: Set = ["ring_full", "malformed", "shed", "failed"]
    /// Entries that tell what the agent did.
    private static let deeds: Set = ["start", "stop", "reload", "clock", "unclean_shutdown", "collector", "sampling"]
    /// Gaps that are told apart.
    private static let mostGaps = 4096

    private struct GapPlace: Hashable {
        var kind: String?
        var reason: String
        var bucket: Int
    }

    private let grid: TimeGrid
    /// Of intervals counts what lies from here …
    private let fromUs: Int64
    /// … to before here.
    private let toUs: Int64
    private var series: ReportData.LedgerSeries
    private var gaps: [GapPlace: ReportData.Gap] = [:]
    private var gapsWithoutPlace = 0
    private var agent = Greatest<ReportData.AgentEntry>(capacity: 200)

    /// - Parameters:
    ///   - sinceUs: Not before, microseconds since 1970.
    ///   - untilUs: Before.
    init(grid: TimeGrid, sinceUs: Int64, untilUs: Int64) {
        self.grid = grid
        fromUs = max(grid.startUs, sinceUs)
        toUs = min(grid.endUs, untilUs)
        let none = [Double](repeating: 0, count: grid.count)
        series = ReportData.LedgerSeries()
        series.attempted = none
        series.sampledOut = none
        series.lost = none
        series.covered = [Bool](repeating: false, count: grid.count)
    }

    /// Adds a ledger row of `columns`.
    mutating func add(row: Int, _ columns: GroupColumns, timeUs: Int64) {
        guard let entry = columns.texts("ledger_entry")?.text(row) else { return }
        let from = columns.integers("ledger_from")?[row] ?? timeUs
        let to = columns.integers("ledger_to")?[row] ?? timeUs
        let reason = columns.texts("ledger_reason")?.text(row)
        if entry == "interval", from <= to, from < toUs, to > fromUs {
            addInterval(row, columns, from: from, to: to)
        } else if entry == "gap" || entry == "unclean_shutdown" {
            addGap(
                kind: columns.texts("ledger_kind")?.text(row),
                reason: entry == "gap" ? reason ?? "unknown" : entry,
                // An unclean shutdown counts bytes; how many events those were nobody knows.
                count: entry == "gap" ? columns.integers("ledger_count")?[row] : nil,
                from: from,
                to: to
            )
        }
        if Self.deeds.contains(entry), grid.index(timeUs) != nil {
            agent.offer(
                Double(timeUs),
                ReportData.AgentEntry(
                    timeUs: timeUs,
                    entry: entry,
                    reason: reason,
                    note: columns.texts("ledger_note")?.text(row)
                )
            )
        }
    }

    private mutating func addInterval(_ row: Int, _ columns: GroupColumns, from: Int64, to: Int64) {
        // Of an interval that begins before the time, or ends after it, what lies in it.
        let (begin, end) = (max(from, fromUs), min(to, toUs))
        let inTime = from < to ? (Double(end) - Double(begin)) / (Double(to) - Double(from)) : 1
        series.fromUs = series.isThere ? min(series.fromUs, begin) : begin
        series.toUs = series.isThere ? max(series.toUs, end) : end
        series.isThere = true
        if let told = grid.buckets(from: begin, to: end) {
            for bucket in told { series.covered[bucket] = true }
        }
        for name in Self.counts {
            guard let count = columns.integers("ledger_" + name)?[row], count > 0 else { continue }
            let amount = Double(count) * inTime
            series.totals[name, default: 0] += amount
            switch name {
            case "attempted": grid.spread(amount, from: begin, to: end, over: &series.attempted)
            case "sampled_out": grid.spread(amount, from: begin, to: end, over: &series.sampledOut)
            case _ where Self.losses.contains(name): grid.spread(amount, from: begin, to: end, over: &series.lost)
            default: break
            }
        }
    }

    private mutating func addGap(kind: String?, reason: String, count: Int64?, from: Int64, to: Int64) {
        guard to >= grid.startUs, from < grid.endUs else { return }
        let place = GapPlace(kind: kind, reason: reason, bucket: grid.index(from) ?? 0)
        if let known = gaps[place] {
            gaps[place]?.count = count.flatMap { more in known.count.map { $0 + Double(more) } } ?? known.count
            gaps[place]?.fromUs = min(known.fromUs, from)
            gaps[place]?.toUs = max(known.toUs, to)
        } else if gaps.count < Self.mostGaps {
            gaps[place] = ReportData.Gap(
                kind: kind,
                reason: reason,
                count: count.map(Double.init),
                fromUs: from,
                toUs: to
            )
        } else {
            gapsWithoutPlace += 1
        }
    }

    /// Puts it into a report.
    func report(to data: inout ReportData) {
        var series = series
        series.attempted = series.attempted.map(\.thousandths)
        series.sampledOut = series.sampledOut.map(\.thousandths)
        series.lost = series.lost.map(\.thousandths)
        series.totals = series.totals.mapValues(\.thousandths)
        data.ledger = series
        let greatest = gaps.values.sorted {
            ($1.count ?? .infinity, $0.fromUs, $0.kind ?? "", $0.reason)
                < ($0.count ?? .infinity, $1.fromUs, $1.kind ?? "", $1.reason)
        }
        data.gaps = ReportData.Listing(
            greatest.prefix(300).sorted {
                ($0.fromUs, $0.kind ?? "", $0.reason) < ($1.fromUs, $1.kind ?? "", $1.reason)
            },
            total: gaps.count + gapsWithoutPlace
        )
        data.agent = ReportData.Listing(agent.items.reversed(), total: agent.total)
    }
}
