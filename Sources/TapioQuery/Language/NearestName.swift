/// What was perhaps meant by a name that does not exist.
public enum NearestName {
    /// The known name with the fewest edits to `name`, if those are few. Of a long name the first 64 characters count.
    public static func find(_ name: String, in known: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased().unicodeScalars.prefix(64))
        var best: (name: String, distance: Int)?
        for candidate in known {
            let distance = editDistance(wanted, Array(candidate.lowercased().unicodeScalars.prefix(64)))
            let isWithin = distance <= max(1, wanted.count / 3)
            // A name that was only begun is close, however much is missing.
            let isPrefix = wanted.count >= 3 && candidate.hasPrefix(name)
            guard isWithin || isPrefix else { continue }
            let rank = isPrefix ? min(distance, 1) : distance
            if let known = best, (known.distance, known.name) <= (rank, candidate) { continue }
            best = (candidate, rank)
        }
        return best?.name
    }

    /// `; did you mean "…"?` or nothing.
    static func hint(_ name: String, in known: some Sequence<String>) -> String {
        find(name, in: known).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// Insertions, deletions, replacements and swaps of neighbours.
    private static func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var beforePrevious = [Int](repeating: 0, count: right.count + 1)
        var previous = Array(0...right.count)
        for row in 1...left.count {
            var current = [row] + [Int](repeating: 0, count: right.count)
            for column in 1...right.count {
                let replaced = previous[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
                current[column] = min(previous[column] + 1, current[column - 1] + 1, replaced)
                let isSwap =
                    row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1]
                if isSwap { current[column] = min(current[column], beforePrevious[column - 2] + 1) }
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
