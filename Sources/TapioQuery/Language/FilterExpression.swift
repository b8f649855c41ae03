/// A filter as it was written, before its names and types are checked.
indirect enum FilterExpression: Sendable, Hashable {
    /// All rows.
    case all
    case compare(Name, Comparison, Literal)
    case isIn(Name, [Literal], negated: Bool)
    case isNull(Name, negated: Bool)
    case not(FilterExpression)
    case and([FilterExpression])
    case or([FilterExpression])

    /// A field's name, and where it stands.
    struct Name: Sendable, Hashable {
        var text: String
        var range: Range<Int>
    }

    /// A value as it was written.
    struct Literal: Sendable, Hashable {
        var text: String
        var isQuoted: Bool
        var range: Range<Int>
    }

    enum Comparison: String, Sendable, Hashable, CaseIterable {
        case notEqual = "!="
        case notMatches = "!~"
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case isEqualTwice = "=="
        case equal = "="
        case less = "<"
        case greater = ">"
        case matches = "~"
    }
}
