import TapioArchive
import TapioEvents

/// Proves an archive's ledger from its rows alone.
///
/// What has to hold, by kind:
/// - in each sealed segment, rows of single events = sum of `ledger_archived`, and events in summaries (`agg_count`) = sum of
///   `ledger_aggregated` (interval rows are written at each seal);
/// - over a run of the agent, attempted = filtered + sampled out + ring full + malformed + aggregated + shed + failed +
///   archived + in flight at its end, which is 0 after `stop`;
/// - over a run, ring full, malformed, and shed + failed = the sums of the gap rows for these reasons;
/// - over a run, the sum of the rows' weights = archived + aggregated + sampled out, within what chance allows (``WeightCheck``).
///
/// A segment saved after a crash may hold more rows than the ledger says, if an `unclean_shutdown` row follows. Where
/// retention removed a run's first segments, the check begins at the first that is there.
public struct LedgerVerifier {
    private var verdict = LedgerVerdict()
    private var run: LedgerRun?
    private var recovered: [(place: String, rows: Int64)] = []
    /// Rows of this run's last segment that its books lack.
    private var unbooked: [Account: Difference] = [:]
    /// The run before, where it ended without a word and no row has explained it yet.
    private var crashed: String?

    /// What is held against each other: for a kind, single events or merged ones.
    private struct Account: Hashable, Comparable {
        var kind: String
        var isMerged: Bool

        /// The ledger's column without its prefix.
        var count: String { isMerged ? "aggregated" : "archived" }
        /// What is counted.
        var unit: String { isMerged ? "events in summaries" : "rows" }

        static func < (left: Account, right: Account) -> Bool {
            (left.kind, left.isMerged ? 1 : 0) < (right.kind, right.isMerged ? 1 : 0)
        }
    }

    /// What the ledger says and what there is.
    private struct Difference {
        var place: String
        var expected: Int64
        var actual: Int64

        func message(_ unit: String) -> String {
            let numbers = "the ledger says \(HumanUnits.count(expected)) \(unit), there are \(HumanUnits.count(actual))"
            return "\(numbers) (\(actual > expected ? "+" : "")\(HumanUnits.count(actual - expected)))"
        }
    }

    /// Checks all nodes of an archive; reads every segment once.
    ///
    /// - Parameter progress: Called after each segment with bytes done and in all; returning false stops the check.
    public static func verify(_ segments: [SegmentSource], progress: QueryEngine.Progress? = nil) -> LedgerVerdict {
        var verdict = LedgerVerdict()
        let total = segments.reduce(0) { $0 + $1.byteCount }
        var done = 0
        let nodes = Dictionary(grouping: segments.enumerated(), by: { $0.element.node ?? "" })
        for node in nodes.sorted(by: { $0.key < $1.key }) {
            var verifier = LedgerVerifier()
            verifier.verdict = verdict
            // In the order in which they were begun; files of other names as they were listed.
            let ordered = node.value.sorted {
                ($0.element.sequence ?? 0, $0.offset) < ($1.element.sequence ?? 0, $1.offset)
            }
            for (_, segment) in ordered {
                verifier.add(SegmentEvidence(segment))
                done += segment.byteCount
                if let progress, !progress(done, total) {
                    verifier.report(.note, .damage, segment.name, "stopped here: what follows was not checked")
                    return verifier.verdict
                }
            }
            verifier.finish()
            verdict = verifier.verdict
        }
        return verdict
    }

    private mutating func report(
        _ severity: LedgerFinding.Severity,
        _ check: LedgerFinding.Check,
        _ place: String,
        kind: String? = nil,
        expected: Int64? = nil,
        actual: Int64? = nil,
        _ message: String
    ) {
        verdict.findings.append(
            LedgerFinding(
                severity: severity,
                check: check,
                place: place,
                kind: kind,
                expected: expected,
                actual: actual,
                message: message
            )
        )
    }

    private mutating func add(_ segment: SegmentEvidence) {
        verdict.segments += 1
        verdict.rows += segment.rowCount
        for item in segment.damage { report(.problem, .damage, item.place, "\(item.reason)") }
        if !segment.damage.isEmpty { run?.isDamaged = true }
        compareRows(segment)
        for row in segment.ledger {
            switch row.entry {
            case "start":
                endRun(next: segment.name)
                run = LedgerRun(place: "run from \(HumanTime.rfc3339(microseconds: row.tsUs))", start: row)
            case "unclean_shutdown":
                explainRecovered()
                crashed = nil
            default: break
            }
            if run == nil {
                let time = HumanTime.rfc3339(microseconds: row.tsUs)
                run = LedgerRun(place: "run that began before \(time)", start: nil)
            }
            run?.add(row)
        }
        // An agent begins with a segment of its own, so all rows are of the run that is told of last.
        run?.add(segment.weights)
        if !segment.damage.isEmpty { run?.isDamaged = true }
        if segment.isOpen { run?.isOpen = true }
    }

    private mutating func compareRows(_ segment: SegmentEvidence) {
        var booked: [Account: Int64] = [:]
        for row in segment.ledger where row.entry == "interval" {
            guard let kind = row.kind else { continue }
            for isMerged in [false, true] {
                let account = Account(kind: kind, isMerged: isMerged)
                let count = row.count(account.count)
                if count != 0 { booked[account, default: 0] &+= count }
            }
        }
        var found: [Account: Int64] = [:]
        for (kind, rows) in segment.rows { found[Account(kind: kind, isMerged: false)] = rows }
        for (kind, events) in segment.merged { found[Account(kind: kind, isMerged: true)] = events }
        // A segment ends without its last books where a write to it failed: they begin the next one.
        let followsFailure = segment.ledger.contains {
            $0.entry == "gap" && ArchiveWriteError.Reason(rawValue: $0.reason ?? "") != nil
        }
        let earlier = unbooked
        unbooked.removeAll()
        var beyond: Int64 = 0
        var isEqual = true
        var explained: Set<Account> = []
        defer { reportUnbooked(earlier.filter { !explained.contains($0.key) }) }
        for account in Set(booked.keys).union(found.keys).sorted() {
            let expected = booked[account] ?? 0
            let actual = found[account] ?? 0
            if account.isMerged { verdict.aggregated &+= expected } else { verdict.archived &+= expected }
            if actual == expected { continue }
            if actual > expected && (segment.isRecovered || segment.isOpen) {
                beyond += actual - expected
                continue
            }
            isEqual = false
            if actual > expected && segment.damage.isEmpty {
                unbooked[account] = Difference(place: segment.name, expected: expected, actual: actual)
                continue
            }
            if followsFailure, let before = earlier[account], before.actual - before.expected == expected - actual {
                let more = "\(HumanUnits.count(expected - actual)) \(account.unit)"
                let message = "\(more) more than its books say, which the next segment's do: a write failed"
                report(.ok, .segmentRows, before.place, kind: account.kind, message)
                explained.insert(account)
                continue
            }
            report(
                // What is damaged is reported as such; that its rows are missing then follows.
                segment.damage.isEmpty || actual > expected ? .problem : .note,
                .segmentRows,
                segment.name,
                kind: account.kind,
                expected: expected,
                actual: actual,
                Difference(place: segment.name, expected: expected, actual: actual).message(account.unit)
            )
        }
        if !isEqual { return }
        let rows = HumanUnits.count(segment.rowCount)
        if segment.isOpen {
            report(
                .ok,
                .segmentRows,
                segment.name,
                "\(rows) rows, still open, \(HumanUnits.count(beyond)) of them since the last ledger row"
            )
        } else if beyond > 0 {
            recovered.append((segment.name, beyond))
        } else {
            report(.ok, .segmentRows, segment.name, "\(rows) rows, as the ledger says")
        }
    }

    private mutating func reportUnbooked(_ accounts: [Account: Difference]) {
        for (account, difference) in accounts.sorted(by: { $0.key < $1.key }) {
            report(
                .problem,
                .segmentRows,
                difference.place,
                kind: account.kind,
                expected: difference.expected,
                actual: difference.actual,
                difference.message(account.unit)
            )
        }
    }

    /// A later run knows of the crash.
    private mutating func explainRecovered() {
        for (place, rows) in recovered {
            let count = HumanUnits.count(rows)
            report(.ok, .segmentRows, place, actual: rows, "recovered, \(count) rows beyond the last ledger row")
        }
        recovered = []
    }

    private mutating func endRun(next: String?) {
        if next == nil {
            reportUnbooked(unbooked)
            unbooked = [:]
        }
        if let crashed {
            report(.note, .runEnds, crashed, "no stop row, and no unclean_shutdown row follows")
        }
        crashed = nil
        guard let ended = run else { return }
        run = nil
        if next != nil && ended.stop == nil { crashed = ended.place }
        verdict.runs += 1
        verdict.lost &+= ended.lost
        verdict.findings += ended.findings(isLast: next == nil)
    }

    private mutating func finish() {
        endRun(next: nil)
        crashed = nil
        for (place, rows) in recovered {
            report(
                .problem,
                .segmentRows,
                place,
                actual: rows,
                "recovered, \(HumanUnits.count(rows)) rows beyond the last ledger row, but no unclean_shutdown row follows"
            )
        }
        recovered = []
    }
}
