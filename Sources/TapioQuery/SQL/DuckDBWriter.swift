import TapioEvents

/// Statements for DuckDB.
struct DuckDBWriter: SQLWriter {
    private let archive: SQLArchive
    private let registry: SchemaRegistry
    private let segments: String
    private let tables: [String: String]
    let dialect = SQLDialect.duckdb

    init(_ archive: SQLArchive, _ registry: SchemaRegistry) throws(SQLPathError) {
        guard let segments = archive.segments.text(.duckdb) else { throw SQLPathError(.duckdb) }
        self.archive = archive
        self.registry = registry
        self.segments = segments
        tables = archive.tables.compactMapValues { $0.text(.duckdb) }
    }

    private func name(_ type: ColumnType) -> String {
        switch type {
        case .int32: "INTEGER"
        case .int64: "BIGINT"
        case .double: "DOUBLE"
        case .string: "VARCHAR"
        case .timestamp: "TIMESTAMPTZ"
        }
    }

    private func nulls(_ columns: [Column], indent: String) -> String {
        SQLText.list(columns.map { "NULL::\(name($0.type)) AS \(dialect.identifier($0.name))" }, indent: indent)
    }

    /// The columns by their numbers, which never change: no file but those asked for has to be opened for its columns' names.
    private func schema(_ columns: [Column], indent: String) -> String {
        let entries = columns.map { column in
            "\(column.id): {name: \(dialect.literal(column.name)), type: '\(name(column.type))', default_value: NULL}"
        }
        return "schema = MAP {\n\(SQLText.list(entries, indent: indent))}"
    }

    let settings = [
        SQLStatement(
            name: "settings",
            sort: .setting,
            summary: "Times are shown in UTC. A setting of the session: say it again in the next.",
            needs: [],
            text: "SET TimeZone = 'UTC';"
        )
    ]

    let macros = [
        DuckDBWriter.bound(
            "tapio_low",
            """
            The 95 % interval around sum(weight), for samples of single events: tapio_low(weight, agg_count) and tapio_high.
            Equal to the sum where nothing was sampled.
            """,
            """
            least(sum(weight), greatest(sum(coalesce(agg_count, 1)),
                    \(DuckDBWriter.middle)
                    - \(DuckDBWriter.half)))
            """
        ),
        DuckDBWriter.bound(
            "tapio_high",
            "The upper end of that interval.",
            """
            greatest(sum(weight),
                    \(DuckDBWriter.middle)
                    + \(DuckDBWriter.half))
            """
        ),
    ]

    // Wilson's interval, as WeightedEstimate has it: 1.96 standard deviations, squared and halved, and squared and quartered.
    private static let variance = "greatest(0, sum(weight * (weight / coalesce(agg_count, 1) - 1)))"
    private static let share = "(\(variance) / nullif(sum(weight), 0))"
    private static let middle = "sum(weight) + 1.920729411 * \(share)"
    private static let half = "1.959963985 * sqrt(\(variance)\n            + 0.960364706 * pow(\(share), 2))"

    private static func bound(_ name: String, _ summary: String, _ expression: String) -> SQLStatement {
        SQLStatement(
            name: name,
            sort: .macro,
            summary: summary,
            needs: [],
            text: "CREATE OR REPLACE MACRO \(name)(weight, agg_count := 1) AS\n    \(expression);"
        )
    }

    private static let partitions = [("node", "VARCHAR"), ("date", "DATE"), ("hour", "BIGINT")]

    var rows: SQLStatement {
        let known = QuerySchema(registry).adding(columns: archive.columns, kinds: []).addingJoins().columns
        guard archive.hasSegments else {
            let others = Self.partitions.map { "NULL::\($0.1) AS \($0.0)" } + ["NULL::VARCHAR AS boot"]
            return Self.rows(
                """
                CREATE OR REPLACE VIEW tapio_rows AS
                -- The archive has no sealed segment: run tapio sql again when it has.
                SELECT
                \(nulls(known, indent: "    ")),
                \(SQLText.list(others, indent: "    "))
                WHERE false;
                """
            )
        }
        var numbers: Set<Int32> = []
        let columns = known.filter { $0.id > 0 && numbers.insert($0.id).inserted }
        let lacking = known.filter { !columns.contains($0) }.map { "NULL::\(name($0.type)) AS \($0.name)" }
        let told = Self.partitions.filter { archive.segments.tells($0.0) }
        // The types are given since DuckDB leaves out directories only where it need not guess them.
        let types = told.map { "'\($0.0)': \($0.1)" }.joined(separator: ", ")
        let hive = told.isEmpty ? "false" : "true, hive_types = {\(types)}"
        let untold = Self.partitions.filter { !archive.segments.tells($0.0) }.map { "NULL::\($0.1) AS \($0.0)" }
        let others = (lacking + untold).map { ", " + $0 }
        return Self.rows(
            """
            CREATE OR REPLACE VIEW tapio_rows AS
            SELECT * EXCLUDE (filename)\(others.joined()), split_part(parse_filename(filename), '-', 2) AS boot
            FROM read_parquet(\(dialect.literal(segments)), filename = true,
                hive_partitioning = \(hive),
                \(schema(columns, indent: "        ")));
            """
        )
    }

    private static func rows(_ text: String) -> SQLStatement {
        SQLStatement(
            name: "tapio_rows",
            sort: .view,
            summary: """
                All rows as they were written, those of the ledger too (kind = '_ledger', weight 0). Sealed segments only. WHERE date, hour
                or node leaves out whole directories; sum(weight) counts events, count(*) only rows.
                """,
            needs: [],
            text: text
        )
    }

    func table(_ table: JoinTable) -> SQLStatement {
        let key = (["on_node"] + table.key.map(\.column)).joined(separator: ", ")
        let columns = SQLTableColumns.all(table)
        let boot = table.hasBoot ? ", left(boot_id, 8) AS boot" : ""
        let source =
            if let files = tables[table.name] {
                """
                    SELECT * EXCLUDE (filename, file_row_number), regexp_extract(filename, 'node=([^/]*)/[^/]*$', 1) AS on_node,
                        row(parse_filename(filename), file_row_number) AS written
                    FROM read_parquet(\(dialect.literal(files)), filename = true, file_row_number = true,
                        hive_partitioning = false,
                        \(schema(columns, indent: "            ")))
                """
            } else {
                """
                    SELECT
                \(nulls(columns, indent: "        ")),
                        NULL::VARCHAR AS on_node, row(NULL::VARCHAR, NULL::BIGINT) AS written
                    WHERE false
                """
            }
        return SQLStatement(
            name: table.viewName,
            sort: .view,
            summary: """
                \(table.summary); of node on_node.
                A row counts from valid_from until valid_until: of one key, never two at once.
                """,
            needs: [],
            text: """
                CREATE OR REPLACE VIEW \(table.viewName) AS
                WITH written AS (
                \(source)
                ), last AS (
                    SELECT * EXCLUDE (written)\(boot) FROM written
                    QUALIFY row_number() OVER (PARTITION BY \(key), valid_from ORDER BY written DESC) = 1
                )
                SELECT *, coalesce(least(valid_to, lead(valid_from) OVER later), 'infinity') AS valid_until
                FROM last WINDOW later AS (PARTITION BY \(key) ORDER BY valid_from);
                """
        )
    }

    var events: SQLStatement {
        var text = """
            CREATE OR REPLACE VIEW tapio_events AS
            WITH written AS (
                SELECT *, CASE WHEN starts_with(kind, 'tcp_') THEN 'tcp' WHEN starts_with(kind, 'udp_') THEN 'udp' END AS transport
                FROM tapio_rows WHERE kind <> '_ledger'
            """
        var last = "written"
        for table in JoinTable.all {
            let filled = table.filled.map { "coalesce(e.\($0.column), t.\($0.by)) AS \($0.column)" }
            text += """

                ), with_\(table.name) AS (
                    SELECT e.* REPLACE (
                \(SQLText.list(filled, indent: "        ")))
                    FROM \(last) AS e LEFT JOIN \(table.viewName) AS t
                        ON \(table.equalities)
                        AND e.ts >= t.valid_from AND e.ts < t.valid_until
                """
            last = "with_\(table.name)"
        }
        text += "\n)\nSELECT * EXCLUDE (transport) FROM \(last);"
        return SQLStatement(
            name: "tapio_events",
            sort: .view,
            summary: """
                All events, with what was found out later where a row has null: container, pod, program, and name and service of the
                other end, as they were at the row's time. *_status says what was known when the row was written.
                """,
            needs: ["tapio_rows"] + JoinTable.all.map(\.viewName),
            text: text
        )
    }

    func columns(of kind: SQLKind) -> [String] {
        let taken = Set(kind.columns.map(\.name))
        return kind.columns.flatMap { column -> [String] in
            let name = dialect.identifier(column.name)
            guard let duration = SQLDuration(column), !taken.contains(duration.name) else { return [name] }
            let micros = duration.perMicrosecond == 1 ? name : "\(name) // \(duration.perMicrosecond)"
            return [name, "to_microseconds(\(micros)) AS \(dialect.identifier(duration.name))"]
        }
    }
}
