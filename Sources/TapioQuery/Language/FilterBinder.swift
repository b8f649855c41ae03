import TapioEvents

/// Checks a filter's names and types against the fields that there are.
struct FilterBinder {
    let schema: QuerySchema
    let text: String
    /// Whether the filter asks for the ledger's rows by name.
    private(set) var namesLedger = false

    init(schema: QuerySchema, text: String) {
        self.schema = schema
        self.text = text
    }

    mutating func bind(_ expression: FilterExpression, isNegated: Bool = false) throws(QueryError) -> Filter {
        switch expression {
        case .all: return isNegated ? .none : .all
        case .not(let inner): return try bind(inner, isNegated: !isNegated)
        case .and(let parts): return try bind(parts, isNegated, all: !isNegated)
        case .or(let parts): return try bind(parts, isNegated, all: isNegated)
        case .isNull(let name, let negated):
            let column = try column(name)
            return .leaf(Filter.Leaf(column: column.name, test: .isNull, isNegated: negated != isNegated))
        case .compare(let name, let comparison, let literal):
            return .leaf(try leaf(name, comparison, literal, isNegated))
        case .isIn(let name, let literals, let negated):
            return .leaf(try leaf(name, in: literals, negated != isNegated))
        }
    }

    private mutating func bind(
        _ parts: [FilterExpression],
        _ isNegated: Bool,
        all: Bool
    ) throws(QueryError) -> Filter {
        var bound: [Filter] = []
        for part in parts { bound.append(try bind(part, isNegated: isNegated)) }
        return all ? .and(bound) : .or(bound)
    }

    private mutating func column(_ name: FilterExpression.Name) throws(QueryError) -> Column {
        let column = try schema.column(name.text, in: text, at: name.range)
        if column.name.hasPrefix("ledger_") { namesLedger = true }
        return column
    }

    private mutating func leaf(
        _ name: FilterExpression.Name,
        _ written: FilterExpression.Comparison,
        _ literal: FilterExpression.Literal,
        _ isNegated: Bool
    ) throws(QueryError) -> Filter.Leaf {
        let column = try column(name)
        try checkNull(name, literal, written == .notEqual)
        // "Not equal" is "equal" negated: what null does is then the same.
        let isOpposite = written == .notEqual || written == .notMatches
        let comparison: FilterExpression.Comparison =
            written == .notEqual ? .equal : written == .notMatches ? .matches : written
        let test: Filter.Test
        if comparison == .matches {
            test = .pattern(try pattern(name, column, literal))
        } else {
            switch column.type {
            case .string:
                try checkOrder(name, column, comparison, literal)
                let wanted = comparison == .equal ? try value(name, column, literal) : literal.text
                test = .text(comparison, Array(wanted.utf8))
            case .double: test = .doubles(comparison, try number(name, column, literal).value)
            case .int32, .int64: test = .integers(bounds(comparison, try number(name, column, literal)))
            case .timestamp: test = .integers(bounds(comparison, try time(name, literal)))
            }
        }
        return Filter.Leaf(column: column.name, test: test, isNegated: isOpposite != isNegated)
    }

    private mutating func leaf(
        _ name: FilterExpression.Name,
        in literals: [FilterExpression.Literal],
        _ isNegated: Bool
    ) throws(QueryError) -> Filter.Leaf {
        let column = try column(name)
        switch column.type {
        case .string:
            var wanted: Set<[UInt8]> = []
            for literal in literals { wanted.insert(Array(try value(name, column, literal).utf8)) }
            return Filter.Leaf(column: column.name, test: .textIsOneOf(wanted), isNegated: isNegated)
        case .int32, .int64, .timestamp:
            var wanted: Set<Int64> = []
            for literal in literals {
                let number = column.type == .timestamp ? try time(name, literal) : try number(name, column, literal)
                if let exact = number.exact { wanted.insert(exact) }
            }
            return Filter.Leaf(column: column.name, test: .integerIsOneOf(wanted), isNegated: isNegated)
        case .double:
            throw QueryError("\(name.text) is a fraction: compare it with < and >", in: text, at: name.range)
        }
    }

    /// A text may be "null", but who writes it without quotes means that there is none.
    private func checkNull(
        _ name: FilterExpression.Name,
        _ literal: FilterExpression.Literal,
        _ isOpposite: Bool
    ) throws(QueryError) {
        guard literal.text == "null", !literal.isQuoted else { return }
        let words = isOpposite ? "is not null" : "is null"
        throw QueryError("nothing compares with null: write \(name.text) \(words)", in: text, at: literal.range)
    }

    /// Text is ordered as text is: 10 before 9, which nobody means who writes a number.
    private func checkOrder(
        _ name: FilterExpression.Name,
        _ column: Column,
        _ comparison: FilterExpression.Comparison,
        _ literal: FilterExpression.Literal
    ) throws(QueryError) {
        switch comparison {
        case .less, .lessOrEqual, .greater, .greaterOrEqual: break
        case .equal, .notEqual, .matches, .notMatches, .isEqualTwice: return
        }
        var hasNames = column.name == "kind"
        if case .names? = schema.values[column.name] { hasNames = true }
        if hasNames {
            throw QueryError(
                "\(name.text) has names as values, and they have no order: compare with = or in",
                in: text,
                at: name.range
            )
        }
        guard !literal.isQuoted, HumanUnits.number(literal.text) != nil else { return }
        throw QueryError(
            "\(name.text) is text: the number \(literal.text) does not compare with it; in quotes it is text too",
            in: text,
            at: literal.range
        )
    }

    /// The text that a row has to hold to be equal, as archives write it.
    private mutating func value(
        _ name: FilterExpression.Name,
        _ column: Column,
        _ literal: FilterExpression.Literal
    ) throws(QueryError) -> String {
        if column.name == "kind" { try checkKind(literal) }
        switch schema.values[column.name] {
        case nil: return literal.text
        case .addresses?:
            if let address = FieldValues.address(literal.text) { return address }
            throw QueryError(
                "\(name.text) is an address: \"\(literal.text)\" is none; ~ compares a part of it",
                in: text,
                at: literal.range
            )
        case .names(let names, let orNumber)?:
            let isNumber = orNumber && UInt32(literal.text) != nil
            // Without a name that it knows, an agent writes an empty text where there must be one.
            if names.contains(literal.text) || isNumber || literal.text.isEmpty { return literal.text }
            let shown = names.count <= Self.mostShown ? ", which is one of \(names.joined(separator: ", "))" : ""
            let hint = NearestName.hint(literal.text, in: names)
            throw QueryError(
                "\(name.text) is never \"\(literal.text)\"\(hint.isEmpty ? shown : hint)",
                in: text,
                at: literal.range
            )
        }
    }

    /// So many names are shown one by one.
    private static let mostShown = 16

    private mutating func checkKind(_ literal: FilterExpression.Literal) throws(QueryError) {
        if literal.text == "_ledger" {
            namesLedger = true
            return
        }
        if schema.kinds.isEmpty || schema.kinds.contains(literal.text) { return }
        let hint = NearestName.hint(literal.text, in: schema.kinds)
        throw QueryError("no kind \"\(literal.text)\"\(hint)", in: text, at: literal.range)
    }

    private func pattern(
        _ name: FilterExpression.Name,
        _ column: Column,
        _ literal: FilterExpression.Literal
    ) throws(QueryError) -> Pattern {
        guard column.type == .string else {
            throw QueryError(
                "\(name.text) is \(Self.description(of: column)): ~ compares text only",
                in: text,
                at: literal.range
            )
        }
        do {
            return try Pattern(literal.text)
        } catch {
            let start = literal.range.lowerBound + (literal.isQuoted ? 1 : 0) + error.position
            throw QueryError("pattern: \(error.message)", in: text, at: start..<start + 1)
        }
    }

    private typealias Number = (value: Double, exact: Int64?)

    private func number(
        _ name: FilterExpression.Name,
        _ column: Column,
        _ literal: FilterExpression.Literal
    ) throws(QueryError) -> Number {
        func error(_ problem: String) -> QueryError {
            QueryError("\(name.text) is \(Self.description(of: column)): \(problem)", in: text, at: literal.range)
        }
        guard let number = HumanUnits.number(literal.text) else {
            throw error("\"\(literal.text)\" does not compare with it")
        }
        // A number without a unit has that of the name: rtt_ns is in nanoseconds, though the field is not.
        let isPlain = number.dimension == .plain && FieldAlias.all[name.text]?.unit == .nanoseconds
        switch (isPlain ? .time : number.dimension, column.unit) {
        case (.plain, _), (.time, .nanoseconds), (.bytes, .bytes): return (number.value, number.exact)
        case (.time, .microseconds):
            let exact = number.exact.flatMap { $0 % 1000 == 0 ? $0 / 1000 : nil }
            return (number.value / 1000, exact)
        case (.time, _): throw error("\"\(literal.text)\" is a time")
        case (.bytes, _): throw error("\"\(literal.text)\" is a size")
        }
    }

    private func time(
        _ name: FilterExpression.Name,
        _ literal: FilterExpression.Literal
    ) throws(QueryError) -> Number {
        guard let ns = HumanTime.nanoseconds(rfc3339: literal.text) else {
            throw QueryError(
                "\(name.text) is a time: write it like \"2026-03-04T05:06:07Z\"",
                in: text,
                at: literal.range
            )
        }
        // Rounded down: a whole microsecond compares exactly, and a part of one lies between two.
        if ns % 1000 == 0 { return (Double(ns / 1000), ns / 1000) }
        return (Double(ns) / 1000, nil)
    }

    /// The integers that compare so. A fraction, or a number that is too great, lies between or beyond them.
    private func bounds(_ comparison: FilterExpression.Comparison, _ number: Number) -> Filter.IntegerBounds {
        let nothing = Filter.IntegerBounds(low: 1, high: 0)
        if let exact = number.exact {
            switch comparison {
            case .equal: return Filter.IntegerBounds(low: exact, high: exact)
            case .less: return exact == .min ? nothing : Filter.IntegerBounds(high: exact - 1)
            case .lessOrEqual: return Filter.IntegerBounds(high: exact)
            case .greater: return exact == .max ? nothing : Filter.IntegerBounds(low: exact + 1)
            case .greaterOrEqual: return Filter.IntegerBounds(low: exact)
            case .notEqual, .matches, .notMatches, .isEqualTwice: return nothing
            }
        }
        let isBelow = number.value < -9.2e18
        let isAbove = number.value > 9.2e18
        switch comparison {
        case .less, .lessOrEqual:
            if isBelow { return nothing }
            return isAbove ? Filter.IntegerBounds() : Filter.IntegerBounds(high: Int64(number.value.rounded(.down)))
        case .greater, .greaterOrEqual:
            if isAbove { return nothing }
            return isBelow ? Filter.IntegerBounds() : Filter.IntegerBounds(low: Int64(number.value.rounded(.up)))
        case .equal, .notEqual, .matches, .notMatches, .isEqualTwice: return nothing
        }
    }

    static func description(of column: Column) -> String {
        switch (column.type, column.unit) {
        case (.string, _): "text"
        case (.timestamp, _): "a time"
        case (_, .nanoseconds), (_, .microseconds): "a duration"
        case (_, .bytes): "a number of bytes"
        default: "a number"
        }
    }
}
