import TapioEvents

// Views that are the same for each reader of SQL.
extension SQLWriter {
    var ledger: SQLStatement {
        let columns = LedgerSchema.schema.fields.map(\.column.name)
        return SQLStatement(
            name: "tapio_ledger",
            sort: .view,
            summary: "The ledger: what became of all events, interval by interval, and each change of the agent.",
            needs: ["tapio_rows"],
            text: """
                CREATE OR REPLACE VIEW tapio_ledger AS
                SELECT
                \(SQLText.list(["node", "date", "hour", "ts"] + columns, indent: "    "))
                FROM tapio_rows WHERE kind = '_ledger';
                """
        )
    }

    func kind(_ kind: SQLKind) -> SQLStatement {
        let columns = columns(of: kind)
        return SQLStatement(
            name: kind.viewName,
            sort: .view,
            summary: kind.summary,
            needs: ["tapio_events"],
            text: """
                CREATE OR REPLACE VIEW \(dialect.identifier(kind.viewName)) AS
                SELECT
                \(SQLText.list(columns + ["node", "date", "hour"], indent: "    "))
                FROM tapio_events WHERE kind = \(dialect.literal(kind.name));
                """
        )
    }
}

/// The view of what was lost, the same for all.
enum SQLGaps {
    static let statement = SQLStatement(
        name: "tapio_gaps",
        sort: .view,
        summary: """
            What was lost, when, where and why: gap_from to gap_to, how many events (null: nobody knows). The reason counted_only
            is none: those were counted, and not kept on purpose. A gap's row may lie in a later hour than the gap: choose by
            gap_from and gap_to, not by date.
            """,
        needs: ["tapio_rows"],
        text: """
            CREATE OR REPLACE VIEW tapio_gaps AS
            SELECT r.node AS node, r.ledger_from AS gap_from, r.ledger_to AS gap_to, r.ledger_kind AS kind,
                r.ledger_priority AS priority, r.ledger_collector AS collector, r.ledger_cpu AS cpu, r.ledger_stage AS stage,
                CASE WHEN r.ledger_entry = 'gap' THEN r.ledger_reason ELSE r.ledger_entry END AS reason,
                CASE WHEN r.ledger_entry = 'gap' THEN r.ledger_count END AS events, r.ledger_note AS note
            FROM tapio_rows AS r WHERE r.kind = '_ledger' AND r.ledger_entry IN ('gap', 'unclean_shutdown');
            """
    )
}

/// A column that holds a duration as a number, and what the duration itself is called.
struct SQLDuration {
    let name: String
    let perMicrosecond: Int

    init?(_ column: Column) {
        guard column.type == .int64, column.name.count > 3 else { return nil }
        if column.unit == .nanoseconds && column.name.hasSuffix("_ns") {
            perMicrosecond = 1000
        } else if column.unit == .microseconds && column.name.hasSuffix("_us") {
            perMicrosecond = 1
        } else {
            return nil
        }
        name = String(column.name.dropLast(3))
    }
}
