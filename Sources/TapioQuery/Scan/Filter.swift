import TapioEvents

/// A filter whose names and types are checked: "not" stands at the leaves only.
///
/// Where a field is null, a comparison is neither true nor false, as in SQL: neither `pod = "a"` nor `pod != "a"` nor
/// `not pod = "a"` keeps a row without pod. Ask `pod is null` for those.
indirect enum Filter: Sendable, Hashable {
    case all
    case none
    case leaf(Leaf)
    case and([Filter])
    case or([Filter])

    /// A test of one field.
    struct Leaf: Sendable, Hashable {
        var column: String
        var test: Test
        /// Whether the test has to fail. Null still keeps nothing.
        var isNegated = false
    }

    enum Test: Sendable, Hashable {
        /// An integer or a timestamp within bounds; empty where no value can be.
        case integers(IntegerBounds)
        case integerIsOneOf(Set<Int64>)
        case doubles(FilterExpression.Comparison, Double)
        case text(FilterExpression.Comparison, [UInt8])
        case textIsOneOf(Set<[UInt8]>)
        case pattern(Pattern)
        case isNull
    }

    struct IntegerBounds: Sendable, Hashable {
        var low: Int64 = .min
        var high: Int64 = .max

        var isEmpty: Bool { low > high }
    }

    /// Names of the columns that it reads.
    var columns: Set<String> {
        switch self {
        case .all, .none: []
        case .leaf(let leaf): [leaf.column]
        case .and(let parts), .or(let parts): parts.reduce(into: []) { $0.formUnion($1.columns) }
        }
    }

    /// Both filters.
    func and(_ other: Filter) -> Filter {
        switch (self, other) {
        case (.all, let kept), (let kept, .all): kept
        case (.none, _), (_, .none): .none
        case (.and(let left), .and(let right)): .and(left + right)
        case (.and(let left), let right): .and(left + [right])
        case (let left, .and(let right)): .and([left] + right)
        case (let left, let right): .and([left, right])
        }
    }
}

extension Filter.Test {
    /// About what it costs per row: cheap ones go first.
    var cost: Int {
        switch self {
        case .isNull: 0
        case .integers, .doubles, .integerIsOneOf: 1
        case .text, .textIsOneOf: 2
        case .pattern: 10
        }
    }

    /// Whether a text passes.
    func passes(_ text: ArraySlice<UInt8>, _ matcher: inout PatternMatcher?) -> Bool {
        switch self {
        case .text(let comparison, let wanted):
            switch comparison {
            case .equal: text.elementsEqual(wanted)
            case .less: text.lexicographicallyPrecedes(wanted)
            case .lessOrEqual: !wanted.lexicographicallyPrecedes(text)
            case .greater: wanted.lexicographicallyPrecedes(text)
            case .greaterOrEqual: !text.lexicographicallyPrecedes(wanted)
            case .notEqual, .notMatches, .matches, .isEqualTwice: false
            }
        case .textIsOneOf(let wanted): wanted.contains(Array(text))
        case .pattern(let pattern): Self.occurs(pattern, in: text, &matcher)
        case .integers, .integerIsOneOf, .doubles, .isNull: false
        }
    }

    private static func occurs(_ pattern: Pattern, in text: ArraySlice<UInt8>, _ matcher: inout PatternMatcher?) -> Bool {
        if matcher == nil { matcher = PatternMatcher(pattern) }
        return matcher?.occurs(in: text) ?? false
    }

    func passes(_ value: Int64) -> Bool {
        switch self {
        case .integers(let bounds): bounds.low <= value && value <= bounds.high
        case .integerIsOneOf(let wanted): wanted.contains(value)
        default: false
        }
    }

    func passes(_ value: Double) -> Bool {
        guard case .doubles(let comparison, let wanted) = self else { return false }
        return switch comparison {
        case .equal: value == wanted
        case .less: value < wanted
        case .lessOrEqual: value <= wanted
        case .greater: value > wanted
        case .greaterOrEqual: value >= wanted
        case .notEqual, .notMatches, .matches, .isEqualTwice: false
        }
    }
}
