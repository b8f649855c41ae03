import TapioEvents

/// Kinds and their columns, for people, programs and the documentation.
struct SchemaText {
    let schemas: [EventSchema]
    /// Whether all kinds are shown, and then the common columns once.
    let isWhole: Bool
    let paint: Paint

    struct Document: Encodable {
        var common: [ColumnEntry]
        var kinds: [KindEntry]
    }

    struct KindEntry: Encodable {
        var name: String
        var collector: String
        var priority: String
        var summary: String
        var columns: [ColumnEntry]
    }

    struct ColumnEntry: Encodable {
        var name: String
        var type: String
        var unit: String
        var isNullable: Bool
        var fieldID: Int32
        var summary: String

        init(_ field: Field) {
            name = field.column.name
            type = field.column.type.rawValue
            unit = field.column.unit.rawValue
            isNullable = !field.column.isRequired
            fieldID = field.column.id
            summary = field.column.summary
        }
    }

    static let common = HeaderFields.all + EnrichmentColumn.fields

    var document: Document {
        Document(
            common: SchemaText.common.map(ColumnEntry.init),
            kinds: schemas.map { schema in
                KindEntry(
                    name: schema.name,
                    collector: schema.collector,
                    priority: schema.priority.name,
                    summary: schema.summary,
                    columns: schema.fields.map(ColumnEntry.init)
                )
            }
        )
    }

    var lines: [String] {
        var lines: [String] = []
        for schema in schemas {
            lines.append("\(paint(.bold, schema.name))  \(schema.summary)")
            lines.append(paint(.faint, "  collector \(schema.collector), priority \(schema.priority.name)"))
            lines += table(schema.fields) + [""]
        }
        lines.append("\(paint(.bold, "every kind"))  Columns that all rows have.")
        return lines + table(SchemaText.common)
    }

    private func table(_ fields: [Field]) -> [String] {
        var table = TextTable([.left("COLUMN"), .left("TYPE"), .left("UNIT"), .left("NULL"), .left("MEANING")])
        for field in fields {
            let column = field.column
            table.row([
                (column.name, .cyan), (column.type.rawValue, .plain), (column.unit.rawValue, .plain),
                (column.isRequired ? "" : "null", .faint), (column.summary, .plain),
            ])
        }
        return table.lines(paint, indent: "  ")
    }

    var markdown: [String] {
        var lines = [
            "# Events", "",
            "Every event is a row of one wide table: the common columns, then those of its kind. Columns that a kind does not fill are null.",
            "This page is written by `tapio schema --markdown`.", "", "## Common columns", "",
        ]
        lines += markdownTable(SchemaText.common)
        for schema in schemas {
            lines += ["", "## `\(schema.name)`", "", "\(schema.summary)", ""]
            lines += ["Collector `\(schema.collector)`, priority \(schema.priority.name).", ""]
            lines += markdownTable(schema.fields)
        }
        return lines
    }

    private func markdownTable(_ fields: [Field]) -> [String] {
        ["| column | type | unit | null | meaning |", "|---|---|---|---|---|"]
            + fields.map { field in
                let column = field.column
                let summary = column.summary.split(separator: "|").joined(separator: "\\|")
                return
                    "| `\(column.name)` | \(column.type.rawValue) | \(column.unit.rawValue) | \(column.isRequired ? "" : "yes") | \(summary) |"
            }
    }
}
