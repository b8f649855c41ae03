import TapioArchive
import TapioEvents

/// Proves an archive's ledger from its rows alone.
///
/// What has to hold, by kind:
/// - in each sealed segment, rows = sum of `ledger_archived` (interval rows are written at each seal);
/// - over a run of the agent, attempted = filtered + sampled out + ring full + malformed + aggregated + shed + failed +
///   archived + in flight at its end, which is 0 after `stop`;
/// - over a run, ring full, malformed, and shed + failed = the sums of the gap rows for these reasons.
///
/// A segment saved after a crash may hold more rows than the ledger says, if an `unclean_shutdown` row follows. Where
/// retention removed a run's first segments, the check begins at the first that is there.
public struct LedgerVerifier {
    private var verdict = LedgerVerdict()
    private var run: LedgerRun?
    private var recovered: [(place: String, rows: Int64)] = []
    /// By kind, rows of this run's last segment that its books lack.
    private var unbooked: [String: (place: String, expected: Int64, actual: Int64)] = [:]
    /// The run before, where it ended without a word and no row has explained it yet.
    private var crashed: String?

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
        verdict.rows += segment.rows.reduce(0) { $0 + ($1.key == "_ledger" ? 0 : $1.value) }
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
        if !segment.damage.isEmpty { run?.isDamaged = true }
        if segment.isOpen { run?.isOpen = true }
    }

    private mutating func compareRows(_ segment: SegmentEvidence) {
        var archived: [String: Int64] = [:]
        for row in segment.ledger where row.entry == "interval" {
            if let kind = row.kind { archived[kind, default: 0] &+= row.count("archived") }
        }
        // A segment ends without its last books where a write to it failed: they begin the next one.
        let followsFailure = segment.ledger.contains {
            $0.entry == "gap" && ArchiveWriteError.Reason(rawValue: $0.reason ?? "") != nil
        }
        let earlier = unbooked
        unbooked = [:]
        var beyond: Int64 = 0
        var isEqual = true
        var booked: Set<String> = []
        defer { reportUnbooked(earlier.filter { !booked.contains($0.key) }) }
        let kinds = Set(archived.keys).union(segment.rows.keys).subtracting(["_ledger"])
        for kind in kinds.sorted() {
            let expected = archived[kind] ?? 0
            let actual = segment.rows[kind] ?? 0
            verdict.archived &+= expected
            if actual == expected { continue }
            if actual > expected && (segment.isRecovered || segment.isOpen) {
                beyond += actual - expected
                continue
            }
            isEqual = false
            if actual > expected && segment.damage.isEmpty {
                unbooked[kind] = (segment.name, expected, actual)
                continue
            }
            if followsFailure, let before = earlier[kind], before.actual - before.expected == expected - actual {
                let rows = HumanUnits.count(expected - actual)
                let message = "\(rows) rows more than its books say, which the next segment's do: a write failed"
                report(.ok, .segmentRows, before.place, kind: kind, message)
                booked.insert(kind)
                continue
            }
            let difference = HumanUnits.count(actual - expected)
            let numbers = "the ledger says \(HumanUnits.count(expected)) rows, there are \(HumanUnits.count(actual))"
            report(
                // What is damaged is reported as such; that its rows are missing then follows.
                segment.damage.isEmpty || actual > expected ? .problem : .note,
                .segmentRows,
                segment.name,
                kind: kind,
                expected: expected,
                actual: actual,
                "\(numbers) (\(actual > expected ? "+" : "")\(difference))"
            )
        }
        if !isEqual { return }
        let rows = HumanUnits.count(segment.rows.reduce(0) { $0 + ($1.key == "_ledger" ? 0 : $1.value) })
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

    private mutating func reportUnbooked(_ kinds: [String: (place: String, expected: Int64, actual: Int64)]) {
        for (kind, rows) in kinds.sorted(by: { $0.key < $1.key }) {
            let numbers = "the ledger says \(HumanUnits.count(rows.expected)) rows, there are "
            let difference = HumanUnits.count(rows.actual - rows.expected)
            report(
                .problem,
                .segmentRows,
                rows.place,
                kind: kind,
                expected: rows.expected,
                actual: rows.actual,
                numbers + "\(HumanUnits.count(rows.actual)) (+\(difference))"
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
