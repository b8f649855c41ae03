import TapioEvents

/// Statements for ClickHouse, its server as well as chdb.
struct ClickHouseWriter: SQLWriter {
    private let archive: SQLArchive
    private let registry: SchemaRegistry
    private let segments: String
    private let tables: [String: String]
    let dialect = SQLDialect.clickhouse

    init(_ archive: SQLArchive, _ registry: SchemaRegistry) throws(SQLPathError) {
        guard let segments = archive.segments.text(.clickhouse) else { throw SQLPathError(.clickhouse) }
        self.archive = archive
        self.registry = registry
        self.segments = segments
        tables = archive.tables.compactMapValues { $0.text(.clickhouse) }
    }

    private func name(_ column: Column) -> String {
        let type =
            switch column.type {
            case .int32: "Int32"
            case .int64: "Int64"
            case .double: "Float64"
            case .string: "String"
            case .timestamp: "DateTime64(6, 'UTC')"
            }
        return column.isRequired ? type : "Nullable(\(type))"
    }

    /// A table function, with columns that the files may lack.
    private func file(_ path: String, _ columns: [Column], partitions: [String] = [], indent: String) -> String {
        let columns = columns.map { "\(dialect.identifier($0.name)) \(name($0))" }
        let structure = SQLText.list(columns + partitions, indent: indent)
        return "file(\(dialect.literal(path)), 'Parquet',\n\(dialect.literal("\n" + structure)))"
    }

    let settings = [
        SQLStatement(
            name: "settings",
            sort: .setting,
            summary: """
                node, date and hour come from the paths; a glob that finds no file is an empty table. Settings of the session: say
                them again in the next. clickhouse server reads only files below its user_files_path.
                """,
            needs: [],
            text: "SET use_hive_partitioning = 1, engine_file_empty_if_not_exists = 1;"
        )
    ]

    let macros = [
        ClickHouseWriter.bound(
            "tapio_low",
            """
            The 95 % interval around sum(weight), for samples of single events: tapio_low(weight, agg_count) and tapio_high.
            Equal to the sum where nothing was sampled.
            """,
            """
            least(sum(weight), greatest(toFloat64(sum(ifNull(agg_count, 1))),
                    \(middle)
                    - \(half)))
            """
        ),
        ClickHouseWriter.bound(
            "tapio_high",
            "The upper end of that interval.",
            """
            greatest(sum(weight),
                    \(middle)
                    + \(half))
            """
        ),
    ]

    // Wilson's interval, as WeightedEstimate has it: 1.96 standard deviations, squared and halved, and squared and quartered.
    private static let variance = "greatest(0., sum(weight * (weight / ifNull(agg_count, 1) - 1)))"
    private static let share = "(\(variance) / sum(weight))"
    private static let middle = "sum(weight) + 1.920729411 * \(share)"
    private static let half = "1.959963985 * sqrt(\(variance)\n            + 0.960364706 * pow(\(share), 2))"

    private static func bound(_ name: String, _ summary: String, _ expression: String) -> SQLStatement {
        SQLStatement(
            name: name,
            sort: .macro,
            summary: summary,
            needs: [],
            text: "CREATE OR REPLACE FUNCTION \(name) AS (weight, agg_count) ->\n    \(expression);"
        )
    }

    var rows: SQLStatement {
        let known = QuerySchema(registry).adding(columns: archive.columns, kinds: []).addingJoins().columns
        // Where there is no file, no path tells of partitions.
        let partitions = [("node", "String"), ("date", "Date"), ("hour", "Int64")]
        let told = partitions.filter { archive.hasSegments && archive.segments.tells($0.0) }
        let untold = partitions.filter { !(archive.hasSegments && archive.segments.tells($0.0)) }
        let more = untold.map { name, type in "CAST(NULL, 'Nullable(\(type))') AS \(name), " }.joined()
        // Their types are said: left to itself, ClickHouse takes the name of a node such as n1 for a number.
        let files = file(segments, known, partitions: told.map { "\($0.0) \($0.1)" }, indent: "    ")
        let note = archive.hasSegments ? "" : "-- The archive has no sealed segment: run tapio sql again when it has.\n"
        return SQLStatement(
            name: "tapio_rows",
            sort: .view,
            summary: """
                All rows as they were written, those of the ledger too (kind = '_ledger', weight 0). Sealed segments only. WHERE date, hour
                or node leaves out whole directories; sum(weight) counts events, count() only rows.
                """,
            needs: [],
            text: """
                CREATE OR REPLACE VIEW tapio_rows AS
                \(note)SELECT *, \(more)splitByChar('-', _file)[2] AS boot
                FROM \(files);
                """
        )
    }

    private static let forever = "toDateTime64('2299-12-31 00:00:00', 6, 'UTC')"

    func table(_ table: JoinTable) -> SQLStatement {
        let key = (["on_node"] + table.key.map(\.column)).joined(separator: ", ")
        let boot = table.hasBoot ? ", left(assumeNotNull(boot_id), 8) AS boot" : ""
        // Of a table that is not there, nothing is found where it would be. A pod's node is the file's, not the path's.
        let path = tables[table.name] ?? "\(segments.prefix { $0 != "*" })none.pq"
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
                SELECT *\(boot), least(ifNull(valid_to, \(Self.forever)),
                    ifNull(leadInFrame(toNullable(valid_from)) OVER (PARTITION BY \(key) ORDER BY valid_from
                        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), \(Self.forever))) AS valid_until
                FROM (
                    SELECT *, extract(_path, 'node=([^/]*)/[^/]*$') AS on_node
                    FROM \(file(path, SQLTableColumns.all(table), indent: "        "))
                    ORDER BY _file DESC, _row_number DESC LIMIT 1 BY \(key), valid_from
                    SETTINGS use_hive_partitioning = 0
                );
                """
        )
    }

    var events: SQLStatement {
        var text = """
            CREATE OR REPLACE VIEW tapio_events AS
            WITH written AS (
                SELECT *, multiIf(startsWith(kind, 'tcp_'), 'tcp', startsWith(kind, 'udp_'), 'udp', '') AS transport
                FROM tapio_rows WHERE kind <> '_ledger'
            """
        var last = "written"
        for table in JoinTable.all {
            let filled = table.filled.map {
                "if(e.\($0.column) IS NULL AND e.ts < t.valid_until, t.\($0.by), e.\($0.column)) AS \($0.column)"
            }
            text += """

                ), with_\(table.name) AS (
                    SELECT e.* REPLACE (
                \(SQLText.list(filled, indent: "        ")))
                    FROM \(last) AS e ASOF LEFT JOIN \(table.viewName) AS t
                        ON \(table.equalities) AND e.ts >= t.valid_from
                """
            last = "with_\(table.name)"
        }
        text += "\n)\nSELECT * EXCEPT (transport) FROM \(last);"
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

    func columns(of kind: SQLKind) -> [String] { kind.columns.map { dialect.identifier($0.name) } }
}
