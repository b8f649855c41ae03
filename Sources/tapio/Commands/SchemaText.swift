import TapioEvents

/// Kinds and their columns, for people, programs and the documentation.
struct SchemaText {
    let schemas: [EventSchema]
    /// Whether all kinds are shown, and then the common columns once.
    let isWhole: Bool
    let paint: Paint

    struct Document: Encodable {
        var common: [ColumnEntry]
        var summary: [ColumnEntry]
        var kinds: [KindEntry]
    }

    struct KindEntry: Encodable {
        var name: String
        var collector: String
        var priority: String
        var summary: String
        var columns: [ColumnEntry]
        /// The columns by which its events are merged; nil where they never are.
        var aggregatedBy: [String]?
        /// The column that a summary measures.
        var measure: String?
    }

    struct ColumnEntry: Encodable {
        var name: String
        var type: String
        var unit: String
        var isNullable: Bool
        var fieldID: Int32
        var summary: String

        init(_ column: Column) {
            name = column.name
            type = column.type.rawValue
            unit = column.unit.rawValue
            isNullable = !column.isRequired
            fieldID = column.id
            summary = column.summary
        }
    }

    static let common = (HeaderFields.all + EnrichmentColumn.fields).map(\.column)

    var document: Document {
        Document(
            common: SchemaText.common.map(ColumnEntry.init),
            summary: SummaryFields.columns.map(ColumnEntry.init),
            kinds: schemas.map { schema in
                KindEntry(
                    name: schema.name,
                    collector: schema.collector,
                    priority: schema.priority.name,
                    summary: schema.summary,
                    columns: schema.fields.map { ColumnEntry($0.column) },
                    aggregatedBy: schema.aggregationKey?.fields.map(\.column.name),
                    measure: schema.aggregation?.measure
                )
            }
        )
    }

    var lines: [String] {
        var lines: [String] = []
        for schema in schemas {
            lines.append("\(paint(.bold, schema.name))  \(schema.summary)")
            lines.append(paint(.faint, "  collector \(schema.collector), priority \(schema.priority.name)"))
            if let grouping = grouping(of: schema) { lines.append(paint(.faint, "  \(grouping)")) }
            lines += table(schema.fields.map(\.column)) + [""]
        }
        lines.append("\(paint(.bold, "every kind"))  Columns that all rows have.")
        lines += table(SchemaText.common) + [""]
        lines.append("\(paint(.bold, "summaries"))  Columns of rows that stand for several events of a kind.")
        return lines + table(SummaryFields.columns)
    }

    /// How events of a kind are merged; nil where they never are.
    private func grouping(of schema: EventSchema, quote: String = "") -> String? {
        guard let aggregation = schema.aggregation else { return nil }
        func list(_ names: [String]) -> String { names.map { quote + $0 + quote }.joined(separator: ", ") }
        var text = "summaries by \(list(aggregation.key))"
        if let exception = aggregation.exception {
            let other = exception.key.filter { !aggregation.key.contains($0) }
            let without = aggregation.key.filter { !exception.key.contains($0) }
            let condition = "where \(list([exception.column])) is \(exception.text)"
            text += " (\(condition), \(list(other)) instead of \(list(without)))"
        }
        if let measure = aggregation.measure { text += ", measuring \(list([measure]))" }
        return text
    }

    private func table(_ columns: [Column]) -> [String] {
        var table = TextTable([.left("COLUMN"), .left("TYPE"), .left("UNIT"), .left("NULL"), .left("MEANING")])
        for column in columns {
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
        lines += Self.aboutSummaries
        lines += markdownTable(SummaryFields.columns)
        for schema in schemas {
            lines += ["", "## `\(schema.name)`", "", "\(schema.summary)", ""]
            let grouping = grouping(of: schema, quote: "`").map { "; \($0)" } ?? ""
            lines += ["Collector `\(schema.collector)`, priority \(schema.priority.name)\(grouping).", ""]
            lines += markdownTable(schema.fields.map(\.column))
        }
        return lines
    }

    private static let aboutSummaries = [
        "", "## Summaries", "",
        "Under pressure, or at all times for kinds that the configuration says so of (`aggregation`), events of a kind that are alike in its",
        "grouping key are merged: the first of a window (5 s by default) is a row of its own, the others become one summary row. It has the",
        "same `kind`, the columns of the key, and those below; the kind's other columns are null. `ts`, `cpu` and `seq` are those of the first",
        "event merged; `pid`, `tid`, `ppid` and `comm` are 0 or empty where they are not in the key. `weight` is the sum of the events' weights,",
        "so `sum(weight)` counts events whether they were merged or not; `agg_count is null` picks the rows of single events.",
        "A window ends early where there are more groups than may be (`aggregation.max_aggregates`), where sampling changes, and at each seal.",
        "",
        "`agg_min`, `agg_max` and `agg_sum` are of the merged events as they were kept; scaled to all, the sum is `agg_sum * weight / agg_count`.",
        "`agg_histogram` has a class for each of 0 to 3, and four for each power of two from 4 on: class `c` begins at `(4 + c % 4) * 2^(c / 4 - 1)`",
        "(whole numbers) and ends where the next begins, so that a value is known to a quarter. Histograms are merged by adding counts:",
        "",
        "```sql",
        "-- DuckDB: how long processes lived, over all summaries",
        "with parts as (",
        "  select unnest(string_split(agg_histogram, ' ')) as part, weight / agg_count as scale",
        "  from 'node=*/**/*.parquet' where kind = 'process_exit' and agg_histogram is not null),",
        "classes as (select split_part(part, ':', 1)::int as c, split_part(part, ':', 2)::bigint * scale as n from parts)",
        "select case when c < 4 then c else (4 + c % 4) * 2.0 ^ (c // 4 - 1) end as from_ns, sum(n) as events",
        "from classes group by c order by c",
        "```", "",
    ]

    private func markdownTable(_ columns: [Column]) -> [String] {
        ["| column | type | unit | null | meaning |", "|---|---|---|---|---|"]
            + columns.map { column in
                let summary = column.summary.split(separator: "|").joined(separator: "\\|")
                return
                    "| `\(column.name)` | \(column.type.rawValue) | \(column.unit.rawValue) | \(column.isRequired ? "" : "yes") | \(summary) |"
            }
    }
}
