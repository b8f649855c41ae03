import TapioArchive

/// The statements that make and fill the table of events.
enum ClickHouseTable {
    /// The column with the node's name, which the segments have in their path alone. Its default is the comment that each
    /// INSERT carries, so that a sealed segment can be sent as it is.
    static let nodeColumn = "node LowCardinality(String) DEFAULT getSetting('log_comment')"

    /// So many blocks are remembered by the server, so that one that is sent twice is kept once: about eight hours of 1,000
    /// nodes with a segment of up to 1,048,576 rows every five minutes.
    static let deduplicationWindow = 100_000
    /// Replicated tables also forget by time, newer servers after an hour. A week: an answer may be lost with a node that is
    /// off for days.
    static let deduplicationSeconds = 604_800

    /// A column's declaration.
    static func declaration(_ column: ParquetColumn) -> String {
        let type =
            switch column.type {
            case .int32: "Int32"
            case .int64: "Int64"
            case .double: "Float64"
            case .string: "String"
            case .timestampMicros: "DateTime64(6, 'UTC')"
            }
        guard column.isRequired else { return "\(column.name) Nullable(\(type))" }
        return "\(column.name) " + (column.type == .string ? "LowCardinality(\(type))" : type)
    }

    static func create(_ settings: ClickHouseSettings, _ schema: ParquetSchema) -> String {
        let columns = [nodeColumn] + schema.columns.map(declaration)
        // What rows are looked for by, as far as this schema has it.
        let order = ["node"] + ["kind", "ts"].filter { schema.index(of: $0) != nil }
        let partition = schema.index(of: "ts") == nil ? "" : " PARTITION BY toDate(ts)"
        let (engine, window) =
            switch settings.engine {
            case .mergeTree: ("MergeTree", "non_replicated_deduplication_window = \(deduplicationWindow)")
            case .replicated:
                (
                    "ReplicatedMergeTree",
                    "replicated_deduplication_window = \(deduplicationWindow), "
                        + "replicated_deduplication_window_seconds = \(deduplicationSeconds)"
                )
            }
        return """
            CREATE TABLE IF NOT EXISTS \(settings.table) (\(columns.joined(separator: ", "))) ENGINE = \(engine)\
            \(partition) ORDER BY (\(order.joined(separator: ", "))) SETTINGS \(window)
            """
    }

    static func add(_ columns: [ParquetColumn], to settings: ClickHouseSettings) -> String {
        let parts = columns.map { "ADD COLUMN IF NOT EXISTS \(declaration($0))" }
        return "ALTER TABLE \(settings.table) \(parts.joined(separator: ", "))"
    }

    static func columns(_ settings: ClickHouseSettings) -> String {
        "SELECT name FROM system.columns WHERE database = '\(settings.database)' AND table = '\(settings.table)' FORMAT TabSeparated"
    }

    /// Names every column, so that the server refuses one that the table lacks, which it would leave out else.
    static func insert(_ settings: ClickHouseSettings, _ schema: ParquetSchema) -> String {
        let names = schema.columns.map(\.name).joined(separator: ",")
        return "INSERT INTO \(settings.table) (\(names)) FORMAT Parquet"
    }

    /// What makes the server cut a segment into the same blocks each time, whatever its own settings are by then: the
    /// token of a block is that of the segment and the block's number.
    static let insertSettings = [
        ("async_insert", "0"),
        ("wait_end_of_query", "1"),
        ("insert_deduplicate", "1"),
        ("max_insert_threads", "1"),
        ("input_format_parquet_preserve_order", "1"),
        ("max_insert_block_size", "1048576"),
        ("min_insert_block_size_rows", "1048576"),
        ("min_insert_block_size_bytes", "268435456"),
    ]
}
