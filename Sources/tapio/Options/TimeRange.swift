import ArgumentParser
import Glibc
import TapioEvents
import TapioQuery

/// The part of time that a question is about.
struct TimeRange: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Not before: 10m (ago), 14:05 (the latest), or 2026-03-04T05:06:07Z.", valueName: "time")
    )
    var since: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Before: as --since.", valueName: "time"))
    var until: String?

    @Option(
        help: ArgumentHelp(
            "From one time up to before another, two dots between: 14:00..14:05, 2h..1h.",
            valueName: "from..to"
        )
    )
    var between: String?

    func validate() throws {
        if between != nil && (since != nil || until != nil) {
            throw ValidationError("--between says both ends: leave out --since and --until")
        }
    }

    /// Whether a part of time was named.
    var isGiven: Bool { since != nil || until != nil || between != nil }

    /// Puts the bounds into a question.
    func apply(to spec: inout QuerySpec) throws {
        let now = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
        let offset = HumanTime.localOffset(seconds: now / 1_000_000_000)
        var (from, to) = (since, until)
        if let between {
            let ends = between.split(separator: "..", omittingEmptySubsequences: false)
            guard ends.count == 2, !ends[0].isEmpty, !ends[1].isEmpty else {
                throw QueryError(
                    "no range: write two times with two dots between, as 14:00..14:05",
                    in: between,
                    at: 0..<between.unicodeScalars.count
                )
            }
            (from, to) = (TimeRange.trimmed(ends[0]), TimeRange.trimmed(ends[1]))
        }
        if let from { spec.sinceNs = try TimePoint.parse(from, nowNs: now, utcOffset: offset) }
        if let to { spec.untilNs = try TimePoint.parse(to, nowNs: now, utcOffset: offset) }
        if let since = spec.sinceNs, let until = spec.untilNs, since >= until {
            let begin = HumanTime.rfc3339(microseconds: since / 1000)
            let end = HumanTime.rfc3339(microseconds: until / 1000)
            if since == until {
                throw CommandFailure(
                    .usage,
                    "the range is empty: it begins and ends at \(begin), and the end does not belong to it"
                )
            }
            throw CommandFailure(
                .usage,
                "the range ends before it begins: from \(begin) to \(end); give the earlier time first"
            )
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
