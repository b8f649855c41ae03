import TapioEvents

/// Events of one kind that were lost for one reason in the time that a question is about.
public struct GapNotice: Sendable, Hashable, CustomStringConvertible {
    /// The kind; nil: not known of which.
    public var kind: String?
    /// Why.
    public var reason: String
    /// How many, over the whole of the gaps that touch the time asked for; 0: nobody knows.
    public var count: Int64
    /// Begin of the first gap, UTC microseconds since 1970.
    public var fromUs: Int64
    /// End of the last.
    public var toUs: Int64

    /// One line, safe for a terminal.
    public var description: String {
        let range = "\(HumanTime.rfc3339(microseconds: fromUs)) and \(HumanTime.rfc3339(microseconds: toUs))"
        let what = "\(count > 0 ? HumanUnits.count(count) : "an unknown number of") \(kind ?? "events")"
        let fate = reason == "counted_only" ? "counted and not kept" : "lost"
        return TerminalText.escape("gap: \(what) \(fate) between \(range), \(reason)")
    }
}

extension QueryEngine {
    /// What was lost of the kinds that `query` asks for, in its time: an answer without these is not the whole truth.
    public func gaps(_ query: Query) throws(QueryError) -> [GapNotice] {
        let found = try forEachLedgerRow(
            where: Filter.Leaf(
                column: "ledger_entry",
                test: .textIsOneOf([Array("gap".utf8), Array("unclean_shutdown".utf8)])
            ),
            query: query
        )
        return found.sorted { ($0.fromUs, $0.kind ?? "") < ($1.fromUs, $1.kind ?? "") }
    }

    private func forEachLedgerRow(where leaf: Filter.Leaf, query: Query) throws(QueryError) -> [GapNotice] {
        func micros(_ ns: Int64) -> Int64 { ns / 1000 }
        var parts: [Filter] = [
            .leaf(Filter.Leaf(column: "kind", test: .text(.equal, Array("_ledger".utf8)))), .leaf(leaf),
        ]
        if let since = query.spec.sinceNs {
            parts.append(.leaf(Filter.Leaf(column: "ledger_to", test: .integers(.init(low: micros(since))))))
        }
        if let until = query.spec.untilNs {
            parts.append(.leaf(Filter.Leaf(column: "ledger_from", test: .integers(.init(high: micros(until))))))
        }
        var scan = ScanState(total: 0, progress: nil)
        var notices: [[String?]: GapNotice] = [:]
        let columns = ["ledger_kind", "ledger_reason", "ledger_entry", "ledger_count", "ledger_from", "ledger_to"]
        for segment in segments {
            guard let groups = open(segment, .and(parts), &scan) else { continue }
            for source in groups.inFileOrder {
                // What is damaged, the question itself reports.
                guard let selected = try? select(source, .and(parts), reading: Set(columns), &scan) else { continue }
                for row in selected.rows {
                    func value(_ name: String, _ type: ColumnType) -> EventValue {
                        (try? selected.reader.column(name))?.value(Int(row), type) ?? .null
                    }
                    add(value, query, to: &notices)
                }
            }
        }
        return Array(notices.values)
    }

    private func add(
        _ value: (String, ColumnType) -> EventValue,
        _ query: Query,
        to notices: inout [[String?]: GapNotice]
    ) {
        var kind: String?
        if case .string(let name) = value("ledger_kind", .string) { kind = name }
        if let kind, !query.mayConcern(kind: kind) { return }
        let isShutdown = value("ledger_entry", .string) == .string("unclean_shutdown")
        var reason = isShutdown ? "unclean_shutdown" : "unknown"
        if case .string(let text) = value("ledger_reason", .string), !isShutdown { reason = text }
        // An unclean shutdown counts bytes; how many events those were nobody knows.
        var count: Int64 = 0
        if case .int(let number) = value("ledger_count", .int64), !isShutdown { count = number }
        guard case .timestamp(let from) = value("ledger_from", .timestamp),
            case .timestamp(let to) = value("ledger_to", .timestamp)
        else { return }
        let known = notices[[kind, reason]]
        notices[[kind, reason]] = GapNotice(
            kind: kind,
            reason: reason,
            count: (known?.count ?? 0) &+ count,
            fromUs: min(known?.fromUs ?? from, from),
            toUs: max(known?.toUs ?? to, to)
        )
    }
}
