import TapioEvents

/// The sums of one run of the agent, from its ledger rows.
struct LedgerRun {
    let place: String
    /// Whether its first rows are there. Where retention removed them, what was in flight before is not known.
    private let hasStart: Bool
    private let startUs: Int64
    private(set) var stop: ArchivedLedgerRow?
    private var kinds: [String: Sums] = [:]
    private var weights: [String: SampleWeights] = [:]
    /// Kinds of which none was kept for a time.
    private var countedOnly: Set<String> = []
    /// Its archive is damaged, so that rows of the ledger may be missing.
    var isDamaged = false
    /// Its last segment is being written.
    var isOpen = false

    private struct Sums {
        var counts: [String: Int64] = [:]
        /// By ``group(of:)``.
        var gaps: [String: Int64] = [:]
        /// On their way before the first row that is there.
        var inFlightBefore: Int64 = 0
        var inFlight: Int64 = 0
    }

    private static let settled = [
        "filtered", "sampled_out", "ring_full", "malformed", "aggregated", "shed", "failed", "archived",
    ]

    init(place: String, start: ArchivedLedgerRow?) {
        self.place = place
        hasStart = start != nil
        startUs = start?.fromUs ?? .min
    }

    /// Events lost, by the ledger.
    var lost: Int64 {
        kinds.values.reduce(0) { sum, kind in
            ["ring_full", "malformed", "shed", "failed"].reduce(sum) { $0 &+ (kind.counts[$1] ?? 0) }
        }
    }

    mutating func add(_ row: ArchivedLedgerRow) {
        // The ledger's own rows are not events: nobody attempted them.
        guard let kind = row.kind ?? (row.entry == "stop" ? "" : nil) else { return }
        switch row.entry {
        case "stop": stop = row
        case "sampling": if row.note?.contains("counted_only") ?? false { countedOnly.insert(kind) }
        case "gap":
            // What was lost before this run began, it reports for the one before.
            if hasStart && row.fromUs < startUs && row.toUs <= startUs { return }
            // A program that could not run saw no event, so no interval counts what it missed.
            if row.kind == nil { return }
            kinds[kind, default: Sums()].gaps[Self.group(of: row.reason), default: 0] &+= row.count("count")
        case "interval":
            if kinds[kind]?.counts.isEmpty ?? true, !hasStart {
                // The first row there is: it settles what was on its way before.
                let settled = Self.settled.reduce(Int64(0)) { $0 &+ row.count($1) }
                kinds[kind, default: Sums()].inFlightBefore =
                    settled &+ row.count("in_flight") &- row.count("attempted")
            }
            for name in ArchivedLedgerRow.countNames where name != "in_flight" && name != "count" {
                kinds[kind, default: Sums()].counts[name, default: 0] &+= row.count(name)
            }
            kinds[kind, default: Sums()].inFlight = row.count("in_flight")
        default: break
        }
    }

    /// Adds what the rows of a segment of this run stand for.
    mutating func add(_ more: [String: SampleWeights]) {
        for (kind, weights) in more { self.weights[kind, default: SampleWeights()].add(weights) }
    }

    /// Which sum a gap's reason belongs to.
    private static func group(of reason: String?) -> String {
        guard let reason else { return "shed + failed" }
        if reason == "ring_full" { return reason }
        let faults = RecordFault.allCases.map(\.name) + ["malformed"]
        return faults.contains(reason) ? "malformed" : "shed + failed"
    }

    /// What the run's sums prove.
    ///
    /// - Parameter isLast: Whether no later run is there: then it may be running still.
    func findings(isLast: Bool) -> [LedgerFinding] {
        var findings: [LedgerFinding] = []
        func report(
            _ severity: LedgerFinding.Severity,
            _ check: LedgerFinding.Check,
            kind: String? = nil,
            expected: Int64? = nil,
            actual: Int64? = nil,
            _ message: String
        ) {
            findings.append(
                LedgerFinding(
                    // With rows of the ledger lost, a sum that does not hold proves nothing.
                    severity: severity == .problem && isDamaged ? .note : severity,
                    check: check,
                    place: place,
                    kind: kind,
                    expected: expected,
                    actual: actual,
                    message: isDamaged && severity == .problem ? message + " (ledger rows are damaged)" : message
                )
            )
        }
        for (kind, sums) in kinds.sorted(by: { $0.key < $1.key }) {
            let attempted = sums.counts["attempted"] ?? 0
            let accounted = Self.settled.reduce(sums.inFlight) { $0 &+ (sums.counts[$1] ?? 0) }
            let expected = attempted &+ sums.inFlightBefore
            if expected != accounted {
                let missing = HumanUnits.count(expected &- accounted)
                report(
                    .problem,
                    .runBalance,
                    kind: kind,
                    expected: expected,
                    actual: accounted,
                    "\(HumanUnits.count(expected)) attempted, \(HumanUnits.count(accounted)) accounted for (\(missing) missing)"
                )
            }
            if stop != nil && sums.inFlight != 0 {
                let count = HumanUnits.count(sums.inFlight)
                report(
                    .problem,
                    .runBalance,
                    kind: kind,
                    expected: 0,
                    actual: sums.inFlight,
                    "\(count) in flight after the stop"
                )
            }
            for (name, counted) in [
                ("ring_full", sums.counts["ring_full"] ?? 0), ("malformed", sums.counts["malformed"] ?? 0),
                ("shed + failed", (sums.counts["shed"] ?? 0) &+ (sums.counts["failed"] ?? 0)),
            ] where sums.gaps[name] ?? 0 != counted {
                let gaps = sums.gaps[name] ?? 0
                report(
                    .problem,
                    .gaps,
                    kind: kind,
                    expected: counted,
                    actual: gaps,
                    "\(HumanUnits.count(counted)) lost as \(name), gap rows tell of \(HumanUnits.count(gaps))"
                )
            }
        }
        for (kind, sums) in kinds.sorted(by: { $0.key < $1.key }) {
            func count(_ name: String) -> Int64 { sums.counts[name] ?? 0 }
            let check = WeightCheck(
                weights: weights[kind] ?? SampleWeights(),
                kept: count("archived") &+ count("aggregated"),
                sampledOut: count("sampled_out"),
                lost: count("ring_full") &+ count("malformed") &+ count("shed") &+ count("failed"),
                wasCountedOnly: countedOnly.contains(kind),
                isWhole: hasStart && stop != nil
            )
            if let outcome = check.outcome {
                report(outcome.severity, .weights, kind: kind, expected: check.total, outcome.message)
            }
        }
        if stop == nil && !isOpen && isLast {
            report(.note, .runEnds, "no stop row: it is running still, or crashed and was not started since")
        }
        if !findings.contains(where: { $0.severity == .problem || $0.check == .runBalance }) {
            let attempted = HumanUnits.count(kinds.values.reduce(0) { $0 &+ ($1.counts["attempted"] ?? 0) })
            let start = hasStart ? "" : ", from its first segment that is still there"
            report(.ok, .runBalance, "\(attempted) attempted, all accounted for\(start)")
        }
        return findings
    }
}
