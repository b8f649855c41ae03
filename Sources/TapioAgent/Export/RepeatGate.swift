/// Lets a message of each sort through once in a while, and counts the others: a disk that fails, fails every second. A
/// pure value.
struct RepeatGate {
    private struct Sort {
        var toldNs: Int64
        var withheld = 0
    }

    /// Nanoseconds between two messages of a sort.
    static let pauseNs: Int64 = 60_000_000_000

    private var sorts: [String: Sort] = [:]

    /// Whether to tell one of `sort` now: nil if not, else what to add about those that were withheld since the last.
    mutating func pass(_ sort: String, nowNs: Int64) -> String? {
        guard let last = sorts[sort] else {
            sorts[sort] = Sort(toldNs: nowNs)
            return ""
        }
        guard nowNs - last.toldNs >= Self.pauseNs else {
            sorts[sort]?.withheld += 1
            return nil
        }
        sorts[sort] = Sort(toldNs: nowNs)
        return last.withheld == 0 ? "" : " (and \(last.withheld) more like it since the last such line)"
    }
}
