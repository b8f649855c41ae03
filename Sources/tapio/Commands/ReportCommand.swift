import ArgumentParser
import Glibc
import TapioAgent
import TapioArchive
import TapioEvents
import TapioQuery
import TapioReport

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "An archive as one HTML page: charts, losses, top talkers, failures.",
        discussion: """
            The page needs no network and no other file: send it, keep it, open it anywhere. It shows rates and latency \
            percentiles over time, where events were lost or sampled, the busiest processes and peers, failing system calls, \
            slow requests, DNS trouble, OOM and other kills, and processes by their life. Charts zoom by drag or by \
            keyboard, tables sort and filter.

            The archive is read once, in bounded memory, and neither root nor an agent is needed. Where a row has null, what \
            was found out later fills it in (tapio query --help: JOINS). Time is cut into at most 600 buckets, so --since and \
            --until show more detail. Damaged parts are skipped, named and counted on the page; exit code 3 then, and where \
            events were lost.

            EXAMPLES
              tapio report /var/lib/tapio -o report.html
              tapio report -o friday.html --since 2026-03-06 --until 2026-03-07
              tapio report copy/ -o - --title 'api after the deploy' | gzip > r.html.gz
              tapio report copy/ --json | jq '.syscalls.items[:5]'
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The archive: its directory, one node=… in it, or one .parquet file; as --archive.",
            valueName: "archive"
        )
    )
    var place: String?

    @Option(
        name: [.customShort("o"), .long],
        help: ArgumentHelp(
            "Where to write it; - is standard output, where --json goes if this is left out.",
            valueName: "file"
        )
    )
    var output: String?

    @Flag(help: "Replace the file if it is there.")
    var force = false

    @Option(help: ArgumentHelp("What the page is called.", valueName: "text"))
    var title: String?

    @Flag(help: "Write the page's data as JSON, for programs. Its keys are stable: some may be added, none changes.")
    var json = false

    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions

    func validate() throws {
        try ArchiveAccess.refuseTwo(place, archive)
        if output == nil && !json { throw ValidationError("name the page's file with -o, or - for standard output") }
        if output == "" { throw ValidationError("-o names no file") }
    }

    func run() throws {
        let path = try place ?? archive.path()
        let target = ReportTarget(path: output ?? "-", isReplacing: force)
        // Known before the archive is read, which may take a while.
        try target.check()
        var spec = QuerySpec()
        try range.apply(to: &spec)
        let source: ArchiveSource
        do {
            source = try ArchiveSource(path: path)
        } catch let error as FileError {
            throw ArchiveAccess.failure(error, path: path)
        }
        if let stranger = source.stranger {
            throw CommandFailure(.failed, TerminalText.escape("\(path) \(stranger)"))
        }
        try ArchiveAccess.refuseStrangers(path, hasSegments: !source.segments.isEmpty, warnings: source.warnings)
        let bar = ScanBar()
        let report = ReportScan.report(
            ReportScan.Request(
                title: title ?? "Tapio report",
                archive: path,
                madeBy: "tapio \(TapioVersion.current)",
                sinceNs: spec.sinceNs,
                untilNs: spec.untilNs
            ),
            segments: source.segments,
            warnings: source.warnings,
            progress: { _ = bar.show($0, $1) }
        )
        bar.clear()
        try refuseUnreadable(report, path)
        let text = try json ? JSONOutput.text(report) + "\n" : ReportPage.html(report)
        try target.write(Array(text.utf8))
        let status = note(report, source)
        if status != .ok { throw status.code }
    }

    /// A page about one file of which nothing could be read would tell nothing.
    private func refuseUnreadable(_ report: ReportData, _ path: String) throws {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return }
        guard report.kinds.isEmpty, let damage = report.reading.damage.first else { return }
        throw CommandFailure(.failed, "nothing of it can be read, so no report is written: \(damage)")
    }

    /// Says on standard error what the report lacks, and returns how the command ends.
    private func note(_ report: ReportData, _ source: ArchiveSource) -> ExitStatus {
        var status = report.reading.isIncomplete ? ExitStatus.incomplete : .ok
        ArchiveAccess.note(leftOut: source.warnings)
        ArchiveAccess.note(newerSchemaVersion: source.newerSchemaVersion)
        for note in report.reading.notes { StandardError.line("tapio: note: \(note)") }
        if report.gaps.total > 0 {
            let gaps = report.gaps.total == 1 ? "1 gap" : "\(HumanUnits.count(Int64(report.gaps.total))) gaps"
            StandardError.line("tapio: note: the ledger knows of \(gaps) in that time; the page shows where")
            status = .incomplete
        }
        if report.kinds.isEmpty { StandardError.line("tapio: note: no event is in that time") }
        return status
    }
}
