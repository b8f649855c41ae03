public import TapioEvents

/// The names that a query may use.
public struct QuerySchema: Sendable {
    /// The fields, in the archive's order.
    public let columns: [Column]
    /// Known kinds; empty where none is known, and then any is accepted.
    public let kinds: [String]
    /// By name, what fields of text can hold, where that is known.
    let values: [String: FieldValues]
    private let index: [String: Int]

    /// A schema of these columns; of two with one name, the first counts.
    public init(columns: [Column], kinds: [String]) {
        self.init(columns: columns, kinds: kinds, values: [:])
    }

    init(columns: [Column], kinds: [String], values: [String: FieldValues]) {
        var index: [String: Int] = [:]
        var unique: [Column] = []
        for column in columns where index[column.name] == nil {
            index[column.name] = unique.count
            unique.append(column)
        }
        self.columns = unique
        self.kinds = Array(Set(kinds)).sorted()
        self.values = values
        self.index = index
    }

    /// All that an agent of this version can write.
    public init(_ registry: SchemaRegistry) {
        self.init(
            columns: registry.columns,
            kinds: registry.schemas.map(\.name),
            values: FieldValues.known(registry)
        )
    }

    /// The schema with what an archive of another version has besides.
    public func adding(columns more: [Column], kinds others: [String]) -> QuerySchema {
        QuerySchema(columns: columns + more, kinds: kinds + others, values: values)
    }

    /// Throws where one of these is no kind that is known, with the nearest.
    public func check(kinds names: [String]) throws(QueryError) {
        if kinds.isEmpty { return }
        for name in names where name != "_ledger" && !kinds.contains(name) {
            throw QueryError("no kind \"\(name)\"" + NearestName.hint(name, in: kinds))
        }
    }

    /// The schema for an archive in which fields may have values that this version does not know.
    func withoutValues() -> QuerySchema { QuerySchema(columns: columns, kinds: kinds, values: [:]) }

    /// The column of that name.
    public subscript(_ name: String) -> Column? { index[name].map { columns[$0] } }

    /// The column of that name or alias, or an error with the nearest one.
    func column(_ name: String, in text: String, at range: Range<Int>) throws(QueryError) -> Column {
        if let column = self[name] { return column }
        if let alias = FieldAlias.all[name], let column = self[alias.column] { return column }
        let known = columns.map(\.name) + FieldAlias.all.filter { self[$0.value.column] != nil }.keys
        throw QueryError("no field \"\(name)\"" + NearestName.hint(name, in: known), in: text, at: range)
    }

    /// The column as an answer shows it that was asked for by `name`: its own, or an alias, whose unit it then has.
    func shown(_ column: Column, as name: String) -> ShownColumn {
        guard self[name] == nil, let alias = FieldAlias.all[name] else {
            return ShownColumn(source: column, shown: column, factor: 1)
        }
        let isFiner = alias.unit == .nanoseconds && column.unit == .microseconds
        let shown = Column(
            column.id,
            name,
            isFiner && column.type == .int32 ? .int64 : column.type,
            unit: isFiner ? .nanoseconds : column.unit,
            isRequired: column.isRequired,
            column.summary
        )
        return ShownColumn(source: column, shown: shown, factor: isFiner ? 1000 : 1)
    }
}

/// A column under the name that it was asked for by.
struct ShownColumn: Sendable, Hashable {
    /// The archive's.
    var source: Column
    /// The answer's.
    var shown: Column
    /// What a number of the archive's is multiplied by.
    var factor: Int64

    /// A value of the archive's column as the answer shows it.
    func value(_ value: EventValue) -> EventValue { factor == 1 ? value : value.multiplied(by: factor) }
}

extension EventValue {
    /// A number, multiplied; anything else as it is.
    func multiplied(by factor: Int64) -> EventValue {
        switch self {
        case .int(let number):
            let (product, isTooGreat) = number.multipliedReportingOverflow(by: factor)
            return isTooGreat ? .double(Double(number) * Double(factor)) : .int(product)
        case .double(let number): return .double(number * Double(factor))
        case .null, .string, .timestamp: return self
        }
    }
}

/// Another name of a field: what people call it elsewhere. An answer has the name that was asked for.
struct FieldAlias: Sendable, Hashable {
    /// The field.
    var column: String
    /// The unit of a number without one, where it is not the field's.
    var unit: ColumnUnit?

    /// The name that the answer's column `text` has by its field's own: `p50(srtt_us)` of `p50(rtt_ns)`.
    static func ownName(of text: String) -> String {
        guard let open = text.firstIndex(of: "("), text.last == ")" else { return all[text]?.column ?? text }
        let argument = String(text[text.index(after: open)...].dropLast())
        return "\(text[..<open])(\(all[argument]?.column ?? argument))"
    }

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
