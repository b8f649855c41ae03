/// Reads a filter.
///
///     filter     = or
///     or         = and ("or" and)*
///     and        = not ("and" not)*
///     not        = "not" not | "(" or ")" | test
///     test       = field (= != < <= > >= ~ !~) value
///                | field ["not"] "in" "(" value ("," value)* ")"
///                | field "is" ["not"] "null"
///     value      = "quoted" | 'quoted' | a run without spaces, commas and parentheses
///
/// In quotes, a backslash before the quote makes it part of the value; all else stays as it is, so that patterns need no more.
struct FilterParser {
    private let text: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    /// Deepest nesting, and longest text: both far beyond what anybody writes.
    private static let maxDepth = 200
    private static let maxLength = 65_536

    static func parse(_ text: String) throws(QueryError) -> FilterExpression {
        var parser = FilterParser(text)
        guard parser.scalars.count <= maxLength else {
            throw QueryError("a filter has at most \(maxLength) characters, this one \(parser.scalars.count)")
        }
        parser.skipSpace()
        if parser.isAtEnd { return .all }
        let expression = try parser.or()
        if !parser.isAtEnd {
            let isClosing = parser.scalars[parser.position] == ")"
            throw parser.error(isClosing ? "no parenthesis is open here" : "expected \"and\", \"or\" or the end")
        }
        return expression
    }

    private init(_ text: String) {
        self.text = text
        self.scalars = Array(text.unicodeScalars)
    }

    private mutating func or() throws(QueryError) -> FilterExpression {
        var terms = [try and()]
        while takeWord("or") { terms.append(try and()) }
        return terms.count == 1 ? terms[0] : .or(terms)
    }

    private mutating func and() throws(QueryError) -> FilterExpression {
        var terms = [try not()]
        while takeWord("and") { terms.append(try not()) }
        return terms.count == 1 ? terms[0] : .and(terms)
    }

    private mutating func not() throws(QueryError) -> FilterExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= FilterParser.maxDepth else {
            throw error("nested deeper than \(FilterParser.maxDepth) levels")
        }
        if takeWord("not") { return .not(try not()) }
        let start = position
        guard takeSymbol("(") else { return try test() }
        let inner = try or()
        guard takeSymbol(")") else {
            throw isAtEnd
                ? QueryError("this parenthesis is never closed", in: text, at: start..<start + 1)
                : error("expected \"and\", \"or\" or \")\"")
        }
        return inner
    }

    private mutating func test() throws(QueryError) -> FilterExpression {
        let name = try name()
        if let comparison = comparison() { return .compare(name, comparison, try value()) }
        if takeWord("is") {
            let isNegated = takeWord("not")
            guard takeWord("null") else { throw error("expected \"null\"") }
            return .isNull(name, negated: isNegated)
        }
        let isNegated = takeWord("not")
        guard takeWord("in") else {
            throw error("expected one of = != < <= > >= ~ !~, \"in\" or \"is\" after \"\(name.text)\"")
        }
        guard takeSymbol("(") else { throw error("expected \"(\" after \"in\"") }
        var values = [try value()]
        while takeSymbol(",") { values.append(try value()) }
        guard takeSymbol(")") else { throw error("expected \",\" or \")\"") }
        return .isIn(name, values, negated: isNegated)
    }

    private mutating func name() throws(QueryError) -> FilterExpression.Name {
        let start = position
        while position < scalars.count, FilterParser.isNamePart(scalars[position]) { position += 1 }
        guard position > start else { throw error("expected the name of a field") }
        let name = FilterExpression.Name(text: slice(start..<position), range: start..<position)
        skipSpace()
        return name
    }

    private mutating func comparison() -> FilterExpression.Comparison? {
        // Longer ones come first among the cases.
        for comparison in FilterExpression.Comparison.allCases where takeSymbol(comparison.rawValue) {
            return comparison == .isEqualTwice ? .equal : comparison
        }
        return nil
    }

    private mutating func value() throws(QueryError) -> FilterExpression.Literal {
        let start = position
        guard !isAtEnd else { throw error("expected a value") }
        if scalars[position] == "\"" || scalars[position] == "'" { return try quoted() }
        while position < scalars.count, !FilterParser.endsValue(scalars[position]) { position += 1 }
        guard position > start else { throw error("expected a value") }
        let literal = FilterExpression.Literal(
            text: slice(start..<position),
            isQuoted: false,
            range: start..<position
        )
        skipSpace()
        return literal
    }

    private mutating func quoted() throws(QueryError) -> FilterExpression.Literal {
        let start = position
        let quote = scalars[position]
        var content = String.UnicodeScalarView()
        position += 1
        while position < scalars.count, scalars[position] != quote {
            let next = position + 1
            if scalars[position] == "\\", next < scalars.count, scalars[next] == quote { position = next }
            content.append(scalars[position])
            position += 1
            // Of a pair of backslashes, the second does not escape the quote behind it.
            if scalars[position - 1] == "\\", position < scalars.count, scalars[position] == "\\" {
                content.append("\\")
                position += 1
            }
        }
        guard position < scalars.count else {
            throw QueryError("this quote is never closed", in: text, at: start..<start + 1)
        }
        position += 1
        let literal = FilterExpression.Literal(text: String(content), isQuoted: true, range: start..<position)
        skipSpace()
        return literal
    }

    private var isAtEnd: Bool { position >= scalars.count }

    private func error(_ message: String) -> QueryError {
        var end = position
        while end < scalars.count, FilterParser.isNamePart(scalars[end]) { end += 1 }
        return QueryError(message, in: text, at: position..<max(end, position + 1))
    }

    private func slice(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[range])
        return String(view)
    }

    private mutating func skipSpace() {
        while position < scalars.count, scalars[position].properties.isWhitespace { position += 1 }
    }

    private mutating func takeSymbol(_ symbol: String) -> Bool {
        let wanted = Array(symbol.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        skipSpace()
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        let end = position + word.unicodeScalars.count
        guard end <= scalars.count, slice(position..<end).lowercased() == word,
            end == scalars.count || !FilterParser.isNamePart(scalars[end])
        else { return false }
        position = end
        skipSpace()
        return true
    }

    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar == "." || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
    }

    private static func endsValue(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "(" || scalar == ")" || scalar == "," || scalar == "\"" || scalar == "'"
            || scalar.properties.isWhitespace
    }
}
