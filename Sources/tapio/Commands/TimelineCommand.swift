import ArgumentParser
import Glibc
import TapioEvents
import TapioQuery

struct TimelineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline",
        abstract: "Everything that happened to a pod, process or address, in order.",
        discussion: """
            Each line has the time since the first event, the time of day (UTC), and the event as tapio cat shows it. \
            What others did to the subject is there too: signals sent to it, its fork. Where the archive does not tell all \
            (events were lost, no agent ran), a line says so where that lies. Exit code 3 then, and 1 where it has no row of \
            the subject.

            SUBJECTS
              4711               A process; of several with that pid, the last.
              4711@14:05         The one that had the pid then.
              default/api-*      Pods; without the namespace and slash, of any.
              3f1c09d2ab4e       A container, by 12 or more digits of its id.
              10.0.0.7:5432      An address, with a port or without; [::1]:53.
              comm=postgres      All processes and threads of a name.
            In front of what reads as another, pid=, pod=, container= and addr= decide.

            EXAMPLES
              tapio timeline 4711
              tapio timeline default/api-7d9f --since 10m
              tapio timeline 10.0.0.7:5432 --kinds tcp_failed,tcp_reset
              tapio timeline comm=postgres --json | jq -c .event
            """
    )

    @Argument(help: ArgumentHelp("Whose story.", valueName: "subject"))
    var subject: String

    @Option(help: ArgumentHelp("Only these kinds, with commas between.", valueName: "names"))
    var kinds: String?

    @Option(help: ArgumentHelp("At most so many events.", valueName: "n"))
    var limit: Int?

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): at least 1") }
    }

    func run() throws {
        let subject = try StoryReading.subject(subject)
        let reading = try StoryReading(archive, range: range, join: join)
        let timeline = try reading.find {
            try Timeline(subject, in: reading.archive, range: reading.range, kinds: QueryCommand.list(kinds))
        }
        if let note = timeline.scope.note { StandardError.line("tapio: note: \(note)") }
        let out = Output()
        var text = TimelineText(output: output)
        var left = limit ?? .max
        var count = 0
        // Of a subject that the archive does not know, gaps say nothing: they wait for its first event.
        var waiting: [Timeline.Entry] = []
        let summary = try timeline.forEach { entry in
            waiting.append(entry)
            if case .event = entry {
                left -= 1
                count += 1
            }
            if count == 0 { return true }
            for entry in waiting {
                for line in text.lines(entry) { try out.line(line) }
            }
            waiting.removeAll(keepingCapacity: true)
            return left > 0
        }
        if count == 0 {
            guard try timeline.isKnown() else { throw reading.nobody(StoryReading.unknown(subject), summary) }
            for entry in waiting {
                for line in text.lines(entry) { try out.line(line) }
            }
        }
        try out.flush()
        if count == 0 { StandardError.line("tapio: note: no event is about \(subject.text)") }
        if timeline.moreGaps > 0 {
            StandardError.line("tapio: note: \(HumanUnits.count(Int64(timeline.moreGaps))) more gaps are not shown")
        }
        if timeline.leavesOutSignals {
            StandardError.line("tapio: note: it has too many processes: what others did to some of them is not shown")
        }
        let status = reading.note(summary, hasGaps: timeline.hasGaps)
        if status != .ok { throw status.code }
    }
}
