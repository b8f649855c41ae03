/// Durations as people write them: `5s`, `500ms`, `1m30s`, `1.5h`. A unit is required: a bare 5 may mean anything.
enum DurationNotation {
    private static let units: [(name: String, ns: UInt64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1000), ("ns", 1),
    ]
    /// What an error message offers.
    static let examples = "a time with its unit as in 5s, 500ms or 1m30s"

    /// The nanoseconds, or `nil` where the text is no duration, has units twice or in another order, or exceeds 64 bits.
    static func parse(_ text: String) -> UInt64? {
        if text == "0" { return 0 }
        var rest = Substring(text)
        var total: UInt64 = 0
        var remaining = units[...]
        repeat {
            guard let number = DecimalNumber(prefixOf: rest) else { return nil }
            let name = number.rest.prefix { $0.isLetter }
            // µ is written in two ways; both mean us.
            let asciiName = name == "µs" || name == "μs" ? "us" : name
            guard let index = remaining.firstIndex(where: { $0.name == asciiName }) else { return nil }
            guard let ns = number.multiplied(by: remaining[index].ns) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(ns)
            guard !overflow else { return nil }
            total = sum
            remaining = remaining[(index + 1)...]
            rest = number.rest.dropFirst(name.count)
        } while !rest.isEmpty
        return total
    }

    /// The duration in as few units as it needs: 90 s is `1m30s`.
    static func text(_ ns: UInt64) -> String {
        guard ns > 0 else { return "0" }
        var rest = ns
        var out = ""
        for unit in units where rest >= unit.ns {
            out += "\(rest / unit.ns)\(unit.name)"
            rest %= unit.ns
        }
        return out
    }
}
