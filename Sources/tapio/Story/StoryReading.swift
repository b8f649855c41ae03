import Glibc
import TapioCollectors
import TapioEvents
import TapioQuery

/// An archive as `timeline`, `tree` and `explain` read it.
struct StoryReading {
    let archive: StoryArchive
    let range: StoryRange
    let path: String
    private let question: ArchiveQuestion

    init(_ options: ArchiveOptions, range: TimeRange, join: JoinOptions) throws {
        path = try options.path()
        var spec = QuerySpec()
        try range.apply(to: &spec)
        question = try ArchiveQuestion(path: path, spec: spec)
        let schema = question.source.schema(QuerySchema(CollectorRegistry.schemas)).addingJoins()
        var archive = StoryArchive(engine: question.engine, schema: schema)
        archive.joins = !join.isOff
        self.archive = archive
        self.range = StoryRange(sinceNs: spec.sinceNs, untilNs: spec.untilNs)
    }

    /// Says on standard error what could not be read, and returns how the command ends.
    func note(_ summary: ScanSummary, hasGaps: Bool) -> ExitStatus {
        for warning in question.source.warnings.prefix(10) { StandardError.warning(TerminalText.escape(warning)) }
        for note in summary.notes { StandardError.line("tapio: note: \(note)") }
        return hasGaps || summary.exitCode != 0 || !question.source.warnings.isEmpty ? .incomplete : .ok
    }

    /// What `look` finds of a subject. Ends as ``nobody(_:_:)`` does where no process had its pid at its time.
    func find<Story>(_ look: () throws -> Story) throws -> Story {
        do {
            return try look()
        } catch let unknown as NoSuchLife {
            throw nobody(unknown.description, unknown.summary)
        }
    }

    /// The end of a command that found nobody: where parts of the archive could not be read, they may tell of whom was meant.
    func nobody(_ message: String, _ summary: ScanSummary) -> CommandFailure {
        if note(summary, hasGaps: false) == .ok { return CommandFailure(.failed, message) }
        return CommandFailure(.incomplete, message + "; but not all of it could be read (see above)")
    }

    /// What is said of a subject that the archive does not know.
    static func unknown(_ subject: Subject) -> String {
        "the archive has no row of \(subject.text) in that time; tapio query --by comm,pid shows who there is"
    }

    /// A subject as it was written on the command line.
    static func subject(_ text: String) throws -> Subject {
        let now = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
        return try Subject(text, nowNs: now, utcOffset: HumanTime.localOffset(seconds: now / 1_000_000_000))
    }

    /// The UTC microseconds of a time on the command line.
    static func time(_ text: String) throws -> Int64 {
        let now = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
        let offset = HumanTime.localOffset(seconds: now / 1_000_000_000)
        return try TimePoint.parse(text, nowNs: now, utcOffset: offset) / 1000
    }
}
