/// Whether any row can pass, from what is known without reading. Says "yes" wherever it is not certain.
struct FilterPruner {
    /// What is known of a column; nil where the file has no such column.
    let bounds: (String) -> ColumnBounds?
    /// Rows in question.
    let rowCount: Int

    func mayPass(_ filter: Filter) -> Bool {
        switch filter {
        case .all: rowCount > 0
        case .none: false
        case .leaf(let leaf): mayPass(leaf)
        case .and(let parts): parts.allSatisfy(mayPass)
        case .or(let parts): parts.contains(where: mayPass)
        }
    }

    private func mayPass(_ leaf: Filter.Leaf) -> Bool {
        guard let known = bounds(leaf.column) else { return leaf.test == .isNull && !leaf.isNegated }
        if case .isNull = leaf.test {
            guard let nullCount = known.nullCount else { return true }
            return leaf.isNegated ? nullCount < rowCount : nullCount > 0
        }
        if known.nullCount == rowCount { return false }
        if let values = known.values {
            var matcher: PatternMatcher?
            return values.contains { leaf.test.passes(Array($0.utf8)[...], &matcher) != leaf.isNegated }
        }
        guard let minimum = known.minimum, let maximum = known.maximum else { return true }
        switch (minimum, maximum) {
        case (.integer(let low), .integer(let high)): return mayPass(leaf, low, high)
        case (.text(let low), .text(let high)): return mayPass(leaf, low, high)
        // A double column that has bounds has no NaN.
        case (.double(let low), .double(let high)): return mayPass(leaf, low, high)
        default: return true
        }
    }

    private func mayPass(_ leaf: Filter.Leaf, _ low: Int64, _ high: Int64) -> Bool {
        switch leaf.test {
        case .integers(let wanted):
            leaf.isNegated
                ? wanted.isEmpty || low < wanted.low || high > wanted.high
                : !wanted.isEmpty && low <= wanted.high && wanted.low <= high
        case .integerIsOneOf(let wanted):
            leaf.isNegated
                ? low != high || !wanted.contains(low)
                : wanted.contains { low <= $0 && $0 <= high }
        default: true
        }
    }

    private func mayPass(_ leaf: Filter.Leaf, _ low: [UInt8], _ high: [UInt8]) -> Bool {
        // Bounds may be cut, so only what lies wholly outside is certain; equal bounds may still enclose more.
        if leaf.isNegated { return true }
        switch leaf.test {
        case .text(.equal, let wanted): return Self.isWithin(wanted, low, high)
        case .text(.less, let wanted): return low.lexicographicallyPrecedes(wanted)
        case .text(.lessOrEqual, let wanted): return !wanted.lexicographicallyPrecedes(low)
        case .text(.greater, let wanted): return wanted.lexicographicallyPrecedes(high)
        case .text(.greaterOrEqual, let wanted): return !high.lexicographicallyPrecedes(wanted)
        case .textIsOneOf(let wanted): return wanted.contains { Self.isWithin($0, low, high) }
        default: return true
        }
    }

    private static func isWithin(_ text: [UInt8], _ low: [UInt8], _ high: [UInt8]) -> Bool {
        !text.lexicographicallyPrecedes(low) && !high.lexicographicallyPrecedes(text)
    }

    private func mayPass(_ leaf: Filter.Leaf, _ low: Double, _ high: Double) -> Bool {
        guard case .doubles(let comparison, let wanted) = leaf.test, !leaf.isNegated else { return true }
        switch comparison {
        case .equal: return low <= wanted && wanted <= high
        case .less: return low < wanted
        case .lessOrEqual: return low <= wanted
        case .greater: return high > wanted
        case .greaterOrEqual: return high >= wanted
        case .notEqual, .matches, .notMatches, .isEqualTwice: return true
        }
    }
}
