import TapioArchive

/// The ledger as it stands in an archive, held against the rows that are there. Independent of the agent's own checks.
struct LedgerBooks {
    /// A kind's interval rows, added up.
    struct Account {
        var attempted: Int64 = 0
        var filtered: Int64 = 0
        var sampledOut: Int64 = 0
        var ringFull: Int64 = 0
        var malformed: Int64 = 0
        var aggregated: Int64 = 0
        var shed: Int64 = 0
        var failed: Int64 = 0
        var archived: Int64 = 0
        /// On the way at the end of the last interval.
        var inFlight: Int64 = 0
        var lastTo = Int64.min
        /// Rows of single events of the kind that the archive has.
        var rows: Int64 = 0
        /// Events in its summary rows.
        var merged: Int64 = 0

        var accountedFor: Int64 {
            filtered + sampledOut + ringFull + malformed + aggregated + shed + failed + archived
        }
        var lost: Int64 { ringFull + malformed + shed + failed }
    }

    /// Gap rows added up by where and why.
    struct Place: Hashable {
        var kind: String
        var stage: String
        var reason: String
    }

    private(set) var accounts: [String: Account] = [:]
    private(set) var gaps: [Place: Int64] = [:]
    /// Rows that are not counts (start, stop, reload, unclean_shutdown, …), by what they tell.
    private(set) var notes: [String: [ArchiveRows.Row]] = [:]

    /// Reads a whole archive.
    init(_ path: String) throws {
        let rows = try ArchiveRows(path, columns: LedgerBooks.columns)
        for row in rows.all {
            let kind = row.text("kind") ?? ""
            if kind == "_ledger" {
                add(row)
            } else if let count = row.int("agg_count") {
                accounts[kind, default: Account()].merged += count
            } else {
                accounts[kind, default: Account()].rows += 1
            }
        }
    }

    private static var columns: [String] {
        [
            "kind", "weight", "agg_count", "ledger_entry", "ledger_kind", "ledger_stage", "ledger_reason",
            "ledger_from",
            "ledger_to",
            "ledger_in_flight", "ledger_count", "ledger_config_hash", "ledger_config_hash_before", "ledger_note",
        ] + counts.map(\.column)
    }

    private static var counts: [(column: String, path: WritableKeyPath<Account, Int64>)] {
        [
            ("ledger_attempted", \.attempted), ("ledger_filtered", \.filtered), ("ledger_sampled_out", \.sampledOut),
            ("ledger_ring_full", \.ringFull), ("ledger_malformed", \.malformed), ("ledger_aggregated", \.aggregated),
            ("ledger_shed", \.shed), ("ledger_failed", \.failed), ("ledger_archived", \.archived),
        ]
    }

    private mutating func add(_ row: ArchiveRows.Row) {
        let entry = row.text("ledger_entry") ?? ""
        let kind = row.text("ledger_kind") ?? ""
        switch entry {
        case "interval":
            for (column, path) in LedgerBooks.counts {
                accounts[kind, default: Account()][keyPath: path] += row.int(column) ?? 0
            }
            if let to = row.int("ledger_to"), to >= accounts[kind]!.lastTo {
                accounts[kind]!.lastTo = to
                accounts[kind]!.inFlight = row.int("ledger_in_flight") ?? 0
            }
        case "gap":
            let place = Place(
                kind: kind,
                stage: row.text("ledger_stage") ?? "",
                reason: row.text("ledger_reason") ?? ""
            )
            gaps[place, default: 0] += row.int("ledger_count") ?? 0
        default:
            notes[entry, default: []].append(row)
        }
    }

    /// What gap rows of a kind add up to, of all or of some reasons.
    func gapTotal(_ kind: String, reason: String? = nil) -> Int64 {
        gaps.filter { $0.key.kind == kind && (reason == nil || $0.key.reason == reason) }.reduce(0) { $0 + $1.value }
    }

    /// What does not add up in the archive of one agent that stopped in order. Empty when every event that a probe saw is
    /// a row of the archive, or accounted for.
    var violations: [String] {
        accounts.sorted { $0.key < $1.key }.flatMap { kind, account -> [String] in
            var found: [String] = []
            func check(_ what: String, _ left: Int64, _ right: Int64) {
                if left != right { found.append("\(kind): \(what): \(left) ≠ \(right)") }
            }
            check("attempted, and what became of it", account.attempted, account.accountedFor)
            check("in flight at the end", account.inFlight, 0)
            check("counted as archived, and rows", account.archived, account.rows)
            check("counted as aggregated, and events in summaries", account.aggregated, account.merged)
            check("ring_full, and its gaps", account.ringFull, gapTotal(kind, reason: "ring_full"))
            // What was counted only is no loss of these: it is a part of what was sampled out.
            let countedOnly = gapTotal(kind, reason: "counted_only")
            check("lost, and gap rows", account.lost, gapTotal(kind) - countedOnly)
            check("counted only, and sampled out", max(countedOnly, account.sampledOut), account.sampledOut)
            return found
        }
    }
}
