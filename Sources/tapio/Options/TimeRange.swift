import ArgumentParser
import Glibc
import TapioEvents
import TapioQuery

/// The part of time that a question is about.
struct TimeRange: ParsableArguments {
    @Option(
        help: ArgumentHelp("Not before: 10m (ago), 14:05 (the latest), or 2026-03-04T05:06:07Z.", valueName: "time")
    )
    var since: String?

    @Option(help: ArgumentHelp("Before: as --since.", valueName: "time"))
    var until: String?

    /// Puts the bounds into a question.
    func apply(to spec: inout QuerySpec) throws {
        let now = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
        let offset = HumanTime.localOffset(seconds: now / 1_000_000_000)
        if let since { spec.sinceNs = try TimePoint.parse(since, nowNs: now, utcOffset: offset) }
        if let until { spec.untilNs = try TimePoint.parse(until, nowNs: now, utcOffset: offset) }
        if let since = spec.sinceNs, let until = spec.untilNs, since >= until {
            throw CommandFailure(.usage, "--since is not before --until: nothing can be in between")
        }
    }
}
