public import TapioEvents

/// The statements by which a reader of SQL sees an archive as one table of events, one of each kind, its gaps and the tables
/// beside it.
///
/// | name | what |
/// |---|---|
/// | `tapio_rows` | all rows as they were written, the ledger's too |
/// | `tapio_container`, `tapio_pod`, … | the tables beside the archive, each row from `valid_from` until `valid_until` |
/// | `tapio_events` | all events, with what was found out later |
/// | `tapio_<kind>` | the events of a kind, with the columns that they fill |
/// | `tapio_ledger`, `tapio_gaps` | what became of all events, and what was lost |
/// | `tapio_low`, `tapio_high` | the 95 % interval around a sum of weights |
public struct SQLViews: Sendable {
    /// All of them; each stands behind what it needs.
    public let statements: [SQLStatement]
    /// For which reader.
    public let dialect: SQLDialect

    /// The statements for an archive.
    ///
    /// - Parameter registry: The kinds and columns that this version knows; those that the archive has besides count too.
    public init(_ archive: SQLArchive, _ registry: SchemaRegistry, _ dialect: SQLDialect) throws(SQLPathError) {
        let writer: any SQLWriter =
            switch dialect {
            case .duckdb: try DuckDBWriter(archive, registry)
            case .clickhouse: try ClickHouseWriter(archive, registry)
            }
        self.dialect = dialect
        var statements = writer.settings + writer.macros + [writer.rows]
        statements += JoinTable.all.map { writer.table($0) }
        statements += [writer.events, writer.ledger, SQLGaps.statement]
        let taken = Set(statements.map(\.name))
        let kinds = SQLKind.all(archive, registry).filter { !taken.contains($0.viewName) }
        self.statements = statements + kinds.map { writer.kind($0) }
    }

    /// Those that make the views and macros of these names, with all that they need; nil for a name that there is not.
    public func making(_ names: [String]) -> [SQLStatement]? {
        let byName = Dictionary(statements.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var wanted: Set<String> = []
        var open = names
        while let name = open.popLast() {
            guard let statement = byName[name] else { return nil }
            if wanted.insert(name).inserted { open += statement.needs }
        }
        return statements.filter { $0.sort == .setting || wanted.contains($0.name) }
    }

    /// The name among them that was perhaps meant.
    public func nearest(to name: String) -> String? { NearestName.find(name, in: statements.map(\.name)) }
}

/// A path that a reader's patterns cannot name.
public struct SQLPathError: Error, Hashable, CustomStringConvertible {
    /// One line: what, and what to do.
    public let description: String

    init(_ dialect: SQLDialect) {
        let characters = dialect.unspeakable.map(String.init).joined(separator: " ")
        description =
            "\(dialect.title) cannot be told a path with any of \(characters) in it; "
            + "name the archive through a symbolic link"
    }
}

/// What differs from reader to reader.
protocol SQLWriter {
    var dialect: SQLDialect { get }
    var settings: [SQLStatement] { get }
    var macros: [SQLStatement] { get }
    var rows: SQLStatement { get }
    func table(_ table: JoinTable) -> SQLStatement
    var events: SQLStatement { get }
    /// What the view of a kind shows of it.
    func columns(of kind: SQLKind) -> [String]
}

/// A kind and the columns that its view shows.
struct SQLKind: Sendable, Hashable {
    let name: String
    let summary: String
    let columns: [Column]

    var viewName: String { "tapio_\(name)" }

    /// Those that this version knows, then others of which the archive has rows.
    static func all(_ archive: SQLArchive, _ registry: SchemaRegistry) -> [SQLKind] {
        let known = registry.schemas.filter { $0.name != LedgerSchema.schema.name }
        let common = (HeaderFields.all + EnrichmentColumn.fields).map(\.column)
        // What the tables fill in for every kind.
        let found = QuerySchema(registry).addingJoins().columns.filter {
            JoinTable.process.targets.keys.contains($0.name)
        }
        var kinds = known.map { schema in
            SQLKind(
                name: schema.name,
                summary: schema.summary,
                columns: unique(
                    common + found + schema.fields.map(\.column)
                        + (schema.aggregation == nil ? [] : SummaryFields.columns)
                )
            )
        }
        let strange = archive.columns.filter { registry.index(ofColumn: $0.name) == nil }
        for name in archive.kinds.subtracting(registry.schemas.map(\.name)).sorted() {
            kinds.append(
                SQLKind(
                    name: name,
                    summary: "A kind of another version of Tapio, with all columns that this one does not know.",
                    columns: unique(common + found + strange + SummaryFields.columns)
                )
            )
        }
        return kinds
    }

    private static func unique(_ columns: [Column]) -> [Column] {
        var names: Set<String> = []
        return columns.filter { names.insert($0.name).inserted }
    }
}

/// The columns of the tables beside an archive, as agents write them: their numbers are their places.
enum SQLTableColumns {
    static func all(_ table: JoinTable) -> [Column] {
        let payload: [(String, ColumnType)] =
            switch table.name {
            case "container":
                texts("boot_id") + [("cgroup_id", .int64)]
                    + texts("cgroup_path", "container_id", "container_runtime", "container", "pod_uid", "pod")
                    + texts("namespace", "workload", "service", "unit")
            case "process":
                texts("boot_id") + [("pid", .int64), ("start_ts", .timestamp), ("ppid", .int64)]
                    + texts("comm", "exe", "args", "cwd") + [("uid", .int64), ("cgroup_id", .int64)]
                    + texts("ancestry") + [("parent_start_ts", .timestamp)]
            case "dns": texts("boot_id") + [("netns", .int64)] + texts("address", "name")
            case "service":
                texts("address") + [("port", .int32)] + texts("protocol", "service", "namespace", "kind", "pod")
            case "pod": texts("pod_uid", "pod", "namespace", "node", "workload", "service", "pod_ip", "phase")
            default: table.key.map { ($0.column, $0.isText ? .string : .int64) }
            }
        return ([("valid_from", .timestamp), ("valid_to", .timestamp)] + payload).enumerated().map { place, column in
            Column(Int32(place + 1), column.0, column.1, isRequired: column.0 == "valid_from", "")
        }
    }

    private static func texts(_ names: String...) -> [(String, ColumnType)] { names.map { ($0, .string) } }
}

extension JoinTable {
    var viewName: String { "tapio_\(name)" }
    var hasBoot: Bool { key.contains { $0.source == .bootID } }

    /// For `ON`: what has to be equal in a row of the events `e` and of the table `t`.
    var equalities: String {
        let parts = key.map { part in
            switch part.source {
            case .column(let name): "e.\(name) = t.\(part.column)"
            case .bootID: "e.boot = t.boot"
            case .protocolOfKind: "e.transport = t.\(part.column)"
            }
        }
        return (["e.node = t.on_node"] + parts).joined(separator: " AND ")
    }

    /// What it fills in, in order of names.
    var filled: [(column: String, by: String)] { targets.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

    var summary: String {
        switch name {
        case "container": "Containers and systemd units, by boot_id and cgroup_id"
        case "pod": "Pods, by pod_uid"
        case "process": "Processes, a row for each program that one runs, by boot_id and pid"
        case "service": "Services and their endpoints, by address, port and protocol (port 0: all)"
        case "dns": "Names that were resolved to an address, by boot_id, netns and address"
        default: "The table \(name)"
        }
    }
}
