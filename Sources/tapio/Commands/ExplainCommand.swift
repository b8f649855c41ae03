import ArgumentParser
import Glibc
import TapioEvents
import TapioQuery

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say in words why a process or pod died or slowed.",
        discussion: """
            Rules look at the archive's rows of the subject (docs/explain.md lists them): what ended it and who sent the \
            signal, memory that ran out, CPU quotas, waits for a CPU, failing system calls, name servers, connections that \
            failed or were reset, segments sent again, disks. Each statement is followed by rows that it rests on, and by \
            the query that shows them. Below stands what was looked at, and what the archive cannot show: \
            events that were lost or sampled, times without an agent, and kinds of which it has no row at all.

            Subjects are those of tapio timeline. Exit code 1 where the archive knows nothing of the subject, 3 where \
            something is known to be missing.

            EXAMPLES
              tapio explain 4711
              tapio explain 4711@14:05
              tapio explain default/api-7d9f --since 1h
              tapio explain comm=postgres --json
            """
    )

    @Argument(help: ArgumentHelp("Who died or slowed: a pid, a pod, or as timeline has it.", valueName: "subject"))
    var subject: String

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let subject = try StoryReading.subject(subject)
        let reading = try StoryReading(archive, range: range, join: join)
        let explanation = try reading.find { try Explanation(subject, in: reading.archive, range: reading.range) }
        if let note = explanation.scope.note { StandardError.line("tapio: note: \(note)") }
        guard explanation.isKnown else {
            throw reading.nobody(StoryReading.unknown(subject), explanation.summary)
        }
        let out = Output()
        let text = ExplanationText(explanation, archive: archive.archive, paint: output.paint)
        if output.json {
            try out.line(try JSONOutput.text(text.document))
        } else {
            for line in text.lines { try out.line(line) }
        }
        try out.flush()
        let status = reading.note(explanation.summary, hasGaps: !explanation.gaps.isEmpty)
        if status != .ok { throw status.code }
    }
}
