/// All schemas of an agent, and the one wide table that they make.
///
/// The columns are: header, enrichment, payload in the order in which the schemas name them, ledger, summaries. A value type
/// that is built once at start.
public struct SchemaRegistry: Sendable {
    /// The schemas, by kind, with the ledger's.
    public let schemas: [EventSchema]
    /// The archive's columns.
    public let columns: [Column]

    private let schemaOfKind: [EventSchema?]
    private let fieldsOfKind: [[Field?]]
    private let summaryFieldsOfKind: [[Field?]]
    private let indexOfColumn: [String: Int]

    /// Builds the table.
    ///
    /// - Precondition: kinds and kind names are distinct; a column name, or id, stands for one column only.
    public init(_ declared: [EventSchema]) {
        let schemas = (declared + [LedgerSchema.schema]).sorted { $0.kind < $1.kind }
        var columns: [Column] = []
        var index: [String: Int] = [:]
        var ids: Set<Int32> = []
        let payload = declared + [LedgerSchema.schema]
        let fields = HeaderFields.all + EnrichmentColumn.fields + payload.flatMap(\.fields)
        for column in fields.map(\.column) + SummaryFields.columns {
            if let known = index[column.name] {
                precondition(columns[known] == column, "two columns are named \(column.name)")
                continue
            }
            precondition(ids.insert(column.id).inserted, "two columns have the id \(column.id)")
            index[column.name] = columns.count
            columns.append(column)
        }
        var schemaOfKind = [EventSchema?](repeating: nil, count: EventKind.limit)
        var fieldsOfKind = [[Field?]](repeating: [], count: EventKind.limit)
        var summaryFieldsOfKind = fieldsOfKind
        var names: Set<String> = []
        for schema in schemas {
            precondition(
                schemaOfKind[Int(schema.kind.rawValue)] == nil,
                "two schemas declare kind \(schema.kind.rawValue)"
            )
            precondition(names.insert(schema.name).inserted, "two schemas are named \(schema.name)")
            schemaOfKind[Int(schema.kind.rawValue)] = schema
            var fields = [Field?](repeating: nil, count: columns.count)
            for field in HeaderFields.all + EnrichmentColumn.fields + schema.fields {
                fields[index[field.column.name]!] = field
            }
            fieldsOfKind[Int(schema.kind.rawValue)] = fields
            guard let key = schema.aggregationKey else { continue }
            var summary = [Field?](repeating: nil, count: columns.count)
            for field in SummaryFields.all(of: schema, by: key) + EnrichmentColumn.fields {
                summary[index[field.column.name]!] = field
            }
            summaryFieldsOfKind[Int(schema.kind.rawValue)] = summary
        }
        self.schemas = schemas
        self.columns = columns
        self.schemaOfKind = schemaOfKind
        self.fieldsOfKind = fieldsOfKind
        self.summaryFieldsOfKind = summaryFieldsOfKind
        self.indexOfColumn = index
    }

    /// The schema of a kind, or nil where none declares it.
    public func schema(of kind: EventKind) -> EventSchema? { schemaOfKind[Int(kind.rawValue)] }

    /// The schema of that name.
    public func schema(named name: String) -> EventSchema? { schemas.first { $0.name == name } }

    /// For each column of the table, the field of `kind` that fills it; empty for an undeclared kind.
    public func fields(of kind: EventKind) -> [Field?] { fieldsOfKind[Int(kind.rawValue)] }

    /// The same for a summary of several events of `kind`; empty for a kind that is never aggregated.
    public func summaryFields(of kind: EventKind) -> [Field?] { summaryFieldsOfKind[Int(kind.rawValue)] }

    /// The place of a column in the table.
    public func index(ofColumn name: String) -> Int? { indexOfColumn[name] }

    /// The name of a kind: its schema's, or `kind_<number>`.
    public func name(of kind: EventKind) -> String { schema(of: kind)?.name ?? "kind_\(kind.rawValue)" }
}
