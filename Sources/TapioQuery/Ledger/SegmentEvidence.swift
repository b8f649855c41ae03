import TapioEvents

/// A ledger row as the archive holds it.
struct ArchivedLedgerRow: Sendable, Hashable {
    var entry: String
    var kind: String?
    var reason: String?
    var tsUs: Int64
    var subNs: Int64
    var sequence: Int64
    var fromUs: Int64
    var toUs: Int64
    /// By name without `ledger_`; absent where null.
    var counts: [String: Int64]

    /// The columns that are read.
    static let countNames = [
        "attempted", "filtered", "sampled_out", "ring_full", "malformed", "aggregated", "shed", "failed", "archived",
        "in_flight", "count",
    ]

    func count(_ name: String) -> Int64 { counts[name] ?? 0 }
}

/// What one segment tells of itself, read in full.
struct SegmentEvidence: Sendable {
    var name: String
    var isRecovered: Bool
    var isOpen: Bool
    /// Rows of single events by kind, counted.
    var rows: [String: Int64] = [:]
    /// Events by kind that were merged into summary rows, by those rows.
    var merged: [String: Int64] = [:]
    /// All rows, without the ledger's.
    var rowCount: Int64 = 0
    /// What the rows stand for, by kind.
    var weights: [String: SampleWeights] = [:]
    /// In the order in which they were written.
    var ledger: [ArchivedLedgerRow] = []
    var damage: [Damage] = []

    init(_ segment: SegmentSource) {
        name = segment.name
        isRecovered = segment.isRecovered
        isOpen = segment.isOpen
        do {
            let opened = try segment.open()
            let (groups, lost) = (opened.groups, opened.damage)
            damage = lost
            for group in groups {
                do {
                    try add(group)
                } catch {
                    damage.append(Damage(place: group.name, reason: "\(error)", rows: group.rowCount))
                }
            }
        } catch {
            damage.append(Damage(place: segment.name, reason: "\(error)"))
        }
        ledger.sort { ($0.tsUs, $0.subNs, $0.sequence) < ($1.tsUs, $1.subNs, $1.sequence) }
    }

    private mutating func add(_ group: any RowGroupSource) throws {
        let reader = GroupReader(group)
        guard case .texts(let kinds)? = try reader.column("kind")?.values else { return }
        var counts = [Int64](repeating: 0, count: kinds.entryCount)
        for index in kinds.indices where index != TextVector.noValue { counts[Int(index)] += 1 }
        let names = (0..<kinds.entryCount).map { kinds.text($0) }
        if names.indices.contains(where: { names[$0] == "_ledger" && counts[$0] > 0 }) {
            let isLedger = Filter.Leaf(column: "kind", test: .text(.equal, Array("_ledger".utf8)))
            let rows = try FilterEvaluator(reader).select(.leaf(isLedger)).rows
            // Read before anything is added: a damaged group counts wholly or not at all.
            ledger += try rows.map { try Self.row(Int($0), reader) }
        }
        let events = try GroupEvents(reader, kinds)
        for (index, name) in names.enumerated() where counts[index] > 0 && name != "_ledger" {
            rowCount += counts[index]
            rows[name, default: 0] += counts[index] - events.summaries[index]
            if events.summaries[index] > 0 { merged[name, default: 0] += events.merged[index] }
            weights[name, default: SampleWeights()].add(events.weights[index])
        }
    }

    private static func row(_ row: Int, _ reader: GroupReader) throws -> ArchivedLedgerRow {
        func text(_ name: String) throws -> String? {
            guard case .string(let text)? = try reader.column(name)?.value(row, .string) else { return nil }
            return text
        }
        func integer(_ name: String) throws -> Int64? {
            guard case .int(let value)? = try reader.column(name)?.value(row, .int64) else { return nil }
            return value
        }
        var counts: [String: Int64] = [:]
        for name in ArchivedLedgerRow.countNames { counts[name] = try integer("ledger_" + name) }
        return ArchivedLedgerRow(
            entry: try text("ledger_entry") ?? "",
            kind: try text("ledger_kind"),
            reason: try text("ledger_reason"),
            tsUs: try integer("ts") ?? 0,
            subNs: try integer("ts_sub_ns") ?? 0,
            sequence: try integer("seq") ?? 0,
            fromUs: try integer("ledger_from") ?? 0,
            toUs: try integer("ledger_to") ?? 0,
            counts: counts
        )
    }
}
