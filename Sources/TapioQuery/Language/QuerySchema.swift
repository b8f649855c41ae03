public import TapioEvents

/// The names that a query may use.
public struct QuerySchema: Sendable {
    /// The fields, in the archive's order.
    public let columns: [Column]
    /// Known kinds; empty where none is known, and then any is accepted.
    public let kinds: [String]
    private let index: [String: Int]

    /// A schema of these columns; of two with one name, the first counts.
    public init(columns: [Column], kinds: [String]) {
        var index: [String: Int] = [:]
        var unique: [Column] = []
        for column in columns where index[column.name] == nil {
            index[column.name] = unique.count
            unique.append(column)
        }
        self.columns = unique
        self.kinds = Array(Set(kinds)).sorted()
        self.index = index
    }

    /// All that an agent of this version can write.
    public init(_ registry: SchemaRegistry) {
        self.init(columns: registry.columns, kinds: registry.schemas.map(\.name))
    }

    /// The schema with what an archive of another version has besides.
    public func adding(columns more: [Column], kinds others: [String]) -> QuerySchema {
        QuerySchema(columns: columns + more, kinds: kinds + others)
    }

    /// Throws where one of these is no kind that is known, with the nearest.
    public func check(kinds names: [String]) throws(QueryError) {
        if kinds.isEmpty { return }
        for name in names where name != "_ledger" && !kinds.contains(name) {
            throw QueryError("no kind \"\(name)\"" + NearestName.hint(name, in: kinds))
        }
    }

    /// The column of that name.
    public subscript(_ name: String) -> Column? { index[name].map { columns[$0] } }

    /// The column of that name or alias, or an error with the nearest one.
    func column(_ name: String, in text: String, at range: Range<Int>) throws(QueryError) -> Column {
        if let column = self[name] { return column }
        if let alias = FieldAlias.all[name], let column = self[alias.column] { return column }
        let known = columns.map(\.name) + FieldAlias.all.filter { self[$0.value.column] != nil }.keys
        throw QueryError("no field \"\(name)\"" + NearestName.hint(name, in: known), in: text, at: range)
    }
}

/// Another name of a field: what people call it elsewhere. An answer has the field's own name.
struct FieldAlias: Sendable, Hashable {
    /// The field.
    var column: String
    /// The unit of a number without one, where it is not the field's.
    var unit: ColumnUnit?

    static let all: [String: FieldAlias] = [
        "time": FieldAlias(column: "ts"), "timestamp": FieldAlias(column: "ts"),
        "rtt": FieldAlias(column: "srtt_us"), "rtt_us": FieldAlias(column: "srtt_us"),
        "rtt_ns": FieldAlias(column: "srtt_us", unit: .nanoseconds),
        "process": FieldAlias(column: "comm"), "user": FieldAlias(column: "uid"),
        "duration": FieldAlias(column: "duration_ns"), "latency": FieldAlias(column: "latency_ns"),
        "src_ip": FieldAlias(column: "src_addr"), "dst_ip": FieldAlias(column: "dst_addr"),
        "pod_name": FieldAlias(column: "pod"), "k8s_pod": FieldAlias(column: "pod"),
        "pod_namespace": FieldAlias(column: "namespace"), "k8s_namespace": FieldAlias(column: "namespace"),
        "container_name": FieldAlias(column: "container"), "deployment": FieldAlias(column: "workload"),
    ]
}
