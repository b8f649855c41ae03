/// How many insertions, deletions, substitutions and swaps of neighbours lie between two words (optimal string alignment).
enum EditDistance {
    /// The closest candidate within `limit`, the first of equals. O(candidates × length²): callers bound both.
    static func nearest(to word: String, among candidates: [String], atMost limit: Int) -> String? {
        var best: (candidate: String, distance: Int)?
        for candidate in candidates where abs(candidate.utf8.count - word.utf8.count) <= limit {
            let distance = between(Array(word.utf8), Array(candidate.utf8))
            if distance <= limit, distance < best?.distance ?? Int.max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    static func between(_ a: [UInt8], _ b: [UInt8]) -> Int {
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                var cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, beforeLast[j - 2] + 1) }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
