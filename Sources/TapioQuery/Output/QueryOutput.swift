public import TapioEvents

/// Answers as text: a table for people, JSON lines and CSV for programs.
public enum QueryOutput {
    /// Columns of a terminal that one value takes at most in a table.
    public static let widestCell = 120

    /// An aligned table, with units where people like them, and a column `95 %` behind each estimate. Everything that a
    /// monitored process chose is escaped.
    public static func table(_ table: QueryTable) -> String {
        let estimated = Set(table.estimated)
        var titles: [String] = []
        var isNumeric: [Bool] = []
        for (place, column) in table.columns.enumerated() {
            titles.append(column.name)
            isNumeric.append(column.isNumeric)
            if estimated.contains(place) {
                titles.append("95 %")
                isNumeric.append(false)
            }
        }
        let cells = table.rows.enumerated().map { number, row in
            row.enumerated().flatMap { place, value -> [String] in
                let text = cell(value, table.columns[place])
                return estimated.contains(place) ? [text, interval(table, number, place)] : [text]
            }
        }
        var layout = TableLayout(titles: titles, isNumeric: isNumeric)
        for row in cells { layout.widen(for: row) }
        return layout.header + cells.map(layout.line).joined()
    }

    /// `1,180…1,250`, or nothing where a value is exact.
    private static func interval(_ table: QueryTable, _ row: Int, _ column: Int) -> String {
        guard let bounds = table.bounds(row, column), bounds.low != bounds.high else { return "" }
        return cell(bounds.low, table.columns[column]) + "…" + cell(bounds.high, table.columns[column])
    }

    /// A value as a person reads it.
    static func cell(_ value: EventValue, _ column: ResultColumn) -> String {
        switch value {
        case .null: return "-"
        case .string(let text): return text.isEmpty ? "\"\"" : TerminalText.escape(text, limit: widestCell)
        case .timestamp(let us):
            return us % 1_000_000 == 0
                ? HumanTime.rfc3339(seconds: us / 1_000_000) : HumanTime.rfc3339(microseconds: us)
        case .int(let number):
            switch column.unit {
            case .nanoseconds: return HumanUnits.duration(ns: number)
            case .microseconds:
                let (ns, overflow) = number.multipliedReportingOverflow(by: 1000)
                return overflow ? String(number) : HumanUnits.duration(ns: ns)
            case .bytes: return HumanUnits.bytes(number)
            case .count: return HumanUnits.count(number)
            case .none: return String(number)
            }
        case .double(let number):
            switch column.unit {
            case .nanoseconds: return HumanUnits.duration(ns: Int64(clamping: number))
            case .microseconds: return HumanUnits.duration(ns: Int64(clamping: number * 1000))
            case .bytes: return HumanUnits.bytes(Int64(clamping: number))
            case .count, .none: return HumanUnits.decimal(number)
            }
        }
    }

    /// A JSON object per row, exact; nulls are said, and the bounds of estimates (``QueryTable/withBounds``).
    public static func jsonLines(_ table: QueryTable) -> String {
        let (columns, rows) = table.withBounds
        let names = columns.map(\.name)
        return rows.map { object(Array(zip(names, $0))) + "\n" }.joined()
    }

    static func object(_ fields: [(String, EventValue)]) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for (index, (name, value)) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONText.append(string: name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            JSONText.append(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// CSV as RFC 4180 describes it, with a header; null is an empty field, an empty string is `""`.
    /// Estimates have their bounds behind them (``QueryTable/withBounds``).
    public static func csv(_ table: QueryTable) -> String {
        let (columns, rows) = table.withBounds
        return csvLine(columns.map { .string($0.name) }) + rows.map(csvLine).joined()
    }

    /// The header for ``csvLine(_:)`` of single rows.
    public static func csvHeader(_ columns: [Column]) -> String { csvLine(columns.map { .string($0.name) }) }

    /// A line of CSV, its end included.
    public static func csvLine(_ values: [EventValue]) -> String {
        values.map(csvField).joined(separator: ",") + "\r\n"
    }

    private static func csvField(_ value: EventValue) -> String {
        switch value {
        case .null: return ""
        case .int(let number): return String(number)
        case .double(let number): return number.description
        case .timestamp(let us): return HumanTime.rfc3339(microseconds: us)
        case .string(let text):
            let isPlain =
                !text.isEmpty
                && text.utf8.allSatisfy { byte in
                    byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\"")
                }
            if isPlain { return text }
            // What a terminal would obey is escaped here too: CSV is read by people as well.
            var quoted = "\""
            for scalar in text.unicodeScalars {
                if scalar == "\"" {
                    quoted += "\"\""
                } else if scalar == "\n" || scalar == "\t" || !TerminalText.isUnsafe(scalar) {
                    quoted.unicodeScalars.append(scalar)
                } else {
                    quoted += TerminalText.escape(String(scalar))
                }
            }
            return quoted + "\""
        }
    }
}
