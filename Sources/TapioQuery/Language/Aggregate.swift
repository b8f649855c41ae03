import TapioEvents

/// What to compute of each group.
struct Aggregate: Sendable, Hashable {
    enum Function: Sendable, Hashable {
        case count
        case sum
        case average
        case minimum
        case maximum
        case distinct
        /// A fraction between 0 and 1.
        case quantile(Double, name: String)

        var isQuantile: Bool {
            if case .quantile = self { true } else { false }
        }

        var name: String {
            switch self {
            case .count: "count"
            case .sum: "sum"
            case .average: "avg"
            case .minimum: "min"
            case .maximum: "max"
            case .distinct: "distinct"
            case .quantile(_, let name): name
            }
        }
    }

    var function: Function
    /// Nil only for `count` of rows.
    var field: ShownColumn?
    var column: Column? { field?.source }

    init(function: Function) {
        self.function = function
    }

    init(_ text: String, schema: QuerySchema) throws(QueryError) {
        let call = try Call(text)
        guard let function = Self.function(call.function) else {
            let known = ["count", "sum", "avg", "min", "max", "distinct", "p50", "p90", "p95", "p99"]
            throw QueryError(
                "no function \"\(call.function)\"" + NearestName.hint(call.function, in: known),
                in: text,
                at: 0..<call.function.unicodeScalars.count
            )
        }
        self.function = function
        guard let argument = call.argument else {
            guard function == .count else {
                throw QueryError("\(call.function) of what? Write \(call.function)(field)", in: text, at: call.all)
            }
            return
        }
        let column = try schema.column(argument, in: text, at: call.argumentRange)
        field = schema.shown(column, as: argument)
        let needsNumber = column.type == .string && function != .count && function != .distinct
        let addsTimes = column.type == .timestamp && (function == .sum || function == .average)
        if needsNumber || addsTimes {
            let what = FilterBinder.description(of: column)
            throw QueryError("\(argument) is \(what): no \(call.function) of it", in: text, at: call.argumentRange)
        }
    }

    private static func function(_ name: String) -> Function? {
        switch name {
        case "count": return .count
        case "sum": return .sum
        case "avg", "mean": return .average
        case "min": return .minimum
        case "max": return .maximum
        case "distinct": return .distinct
        case "median": return .quantile(0.5, name: name)
        default: break
        }
        guard name.first == "p", let percent = Double(name.dropFirst()), percent >= 0, percent <= 100 else {
            return nil
        }
        return .quantile(percent / 100, name: name)
    }

    var resultColumn: ResultColumn {
        let name = field.map { "\(function.name)(\($0.shown.name))" } ?? function.name
        guard let column = field?.shown, function != .count, function != .distinct else {
            return ResultColumn(name: name, type: .int64, unit: .count)
        }
        if function == .average { return ResultColumn(name: name, type: .double, unit: column.unit) }
        let type = column.type == .int32 ? .int64 : column.type
        return ResultColumn(name: name, type: type, unit: column.unit)
    }

    /// What the answer's values are multiplied by.
    var factor: Int64 { function == .count || function == .distinct ? 1 : field?.factor ?? 1 }
}

/// What to group by.
struct GroupKey: Sendable, Hashable {
    /// Nil for time.
    var field: ShownColumn?
    var column: Column? { field?.source }
    /// Microseconds of a bucket of time.
    var bucketUs: Int64 = 0
    var name: String

    var isTime: Bool { field == nil }
    var columnName: String { column?.name ?? "ts" }

    init(_ text: String, schema: QuerySchema) throws(QueryError) {
        let call = try Call(text)
        guard let argument = call.argument else {
            let column = try schema.column(call.function, in: text, at: call.all)
            field = schema.shown(column, as: call.function)
            name = call.function
            return
        }
        guard call.function == "time" else {
            throw QueryError("group by a field, or by time(10s)", in: text, at: call.all)
        }
        guard let ns = HumanUnits.durationNs(argument) else {
            throw QueryError(
                "\"\(argument)\" is no length of time: write one with its unit, like time(10s)",
                in: text,
                at: call.argumentRange
            )
        }
        guard ns >= 1000, ns % 1000 == 0 else {
            throw QueryError("a bucket of time is at least 1us long, like time(10s)", in: text, at: call.argumentRange)
        }
        bucketUs = ns / 1000
        name = "time"
    }

    var resultColumn: ResultColumn {
        field.map { ResultColumn(name: $0.shown.name, type: $0.shown.type, unit: $0.shown.unit) }
            ?? ResultColumn(name: name, type: .timestamp)
    }

    /// What the answer's values are multiplied by.
    var factor: Int64 { field?.factor ?? 1 }
}

/// `function` or `function(argument)`.
private struct Call {
    var function: String
    var argument: String?
    var argumentRange = 0..<0
    var all: Range<Int>

    init(_ text: String) throws(QueryError) {
        let scalars = Array(text.unicodeScalars)
        all = 0..<scalars.count
        guard let open = scalars.firstIndex(of: "(") else {
            function = text
            if text.isEmpty { throw QueryError("an empty name") }
            return
        }
        guard scalars.last == ")" else { throw QueryError("expected \")\" at the end", in: text, at: open..<open + 1) }
        func slice(_ range: Range<Int>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[range].filter { $0 != " " })
            return String(view)
        }
        function = slice(0..<open)
        argumentRange = open + 1..<scalars.count - 1
        let argument = slice(argumentRange)
        if argument.isEmpty { throw QueryError("nothing between the parentheses", in: text, at: open..<open + 2) }
        // count(*) is what SQL calls it.
        self.argument = argument == "*" ? nil : argument
    }
}
