import ArgumentParser
import TapioAgent
import TapioArchive
import TapioEvents
import TapioQuery

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write events to a file: NDJSON, CSV, Arrow, or a Perfetto timeline.",
        discussion: """
            Events come in the order of time. The filter is tapio query's, and so is what is filled in where a row has \
            null (tapio query --help: JOINS). The file gets its name when it is whole; one of that name is replaced.

            FORMATS
              ndjson     The objects of tapio cat --json, one a line.
              csv        RFC 4180 with a header.
              arrow      Arrow IPC file (Feather 2): pyarrow, pandas, polars, DuckDB.
              perfetto   A timeline: open it at ui.perfetto.dev. Processes as tracks,
                         their lives and latencies as slices, other events as points,
                         rates as counters. Of one node: its processes have numbers.
              The name's ending decides, .zst behind it compresses; --format names one.

            Exit code 3 when parts of the archive are damaged or gaps are known in that time: the file lacks them, and \
            notes say which.

            EXAMPLES
              tapio export -o events.ndjson.zst --since 1h
              tapio export 'kind = tcp_close' -o connections.csv --select ts,pid,bytes_sent
              tapio export -o all.arrow --archive ./tapio-archive
              tapio export 'pid = 4711' -o trace.pftrace --since 10m
              tapio export --format ndjson -o - | jq -r .kind | sort | uniq -c
            """
    )

    @Argument(help: ArgumentHelp("Which events; all but the ledger's where there is none.", valueName: "filter"))
    var filter: String = ""

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("The file; - for standard output.", valueName: "file")
    )
    var file: String

    @Option(
        help: ArgumentHelp("ndjson, csv, arrow or perfetto. Default: what the file's name says.", valueName: "name")
    )
    var format: String?

    @Option(help: ArgumentHelp("Fields to write, with commas between; all by default.", valueName: "fields"))
    var select: String?

    @Option(help: ArgumentHelp("At most so many events.", valueName: "n"))
    var limit: Int?

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions

    @Flag(help: "Tell what was written as JSON, on standard output.")
    var json = false

    /// What is written and how.
    struct Form: Equatable {
        var format: EventFileFormat
        var isCompressed: Bool
    }

    private struct Answer: Encodable {
        var path: String
        var format: String
        var rows: Int
        var bytes: Int64
        var notes: [String]
    }

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): at least 1") }
        if json && file == "-" {
            throw ValidationError("--json tells on standard output, where the events go: name a file")
        }
        if try form().format == .perfetto && select != nil {
            throw ValidationError("--select leaves out what a timeline is made of; choose events with the filter")
        }
    }

    func form() throws -> Form {
        let named = EventFileFormat.named(file)
        let isCompressed = named?.isCompressed ?? file.lowercased().hasSuffix(".zst")
        if let format {
            guard let known = EventFileFormat(rawValue: format) else {
                throw ValidationError(
                    "no format \(format): \(EventFileFormat.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            return Form(format: known, isCompressed: isCompressed)
        }
        guard let named else {
            throw ValidationError(
                "\(TerminalText.escape(file)) does not say in which format: end its name in .ndjson, .csv, .arrow or .pftrace, or add --format"
            )
        }
        return Form(format: named.format, isCompressed: isCompressed)
    }

    /// The question as the engine takes it.
    func spec() throws -> QuerySpec {
        var spec = QuerySpec()
        spec.filter = filter
        spec.select = QueryCommand.list(select)
        spec.limit = limit
        spec.joins = !join.isOff
        try range.apply(to: &spec)
        return spec
    }

    func run() throws {
        let form = try form()
        let question = try ArchiveQuestion(path: try archive.path(), spec: try spec())
        if form.format == .perfetto { try requireOneNode(question) }
        let target: any EventTarget =
            file == "-"
            ? StandardOutputTarget(isCompressed: form.isCompressed)
            : try OutputFile(file, isCompressed: form.isCompressed)
        var writer = form.format.writer(
            columns: question.query.selected,
            creator: "tapio version \(TapioVersion.current)"
        )
        var rows = 0
        let summary = try ArchiveQuestion.withProgress { progress in
            try question.engine.forEachRow(question.query, progress: progress) { event in
                rows += 1
                var bytes: [UInt8] = []
                writer.add(event, to: &bytes)
                if !bytes.isEmpty { try target.write(bytes) }
                return true
            }
        }
        var bytes: [UInt8] = []
        writer.finish(to: &bytes)
        try target.write(bytes)
        try target.finish()
        let notes = summary.notes + writer.notes
        try tell(rows: rows, bytes: target.byteCount, form: form, notes: notes)
        let status = question.note(notes, isIncomplete: summary.exitCode != 0)
        if status != .ok { throw status.code }
    }

    /// Processes of several nodes have the same numbers: one timeline would show them as one.
    private func requireOneNode(_ question: ArchiveQuestion) throws {
        let nodes = Set(question.source.segments.compactMap(\.node)).sorted()
        guard nodes.count > 1 else { return }
        throw CommandFailure(
            .usage,
            "a timeline is of one node, and here are \(nodes.count): name one, --archive …/node=\(TerminalText.escape(nodes[0]))"
        )
    }

    private func tell(rows: Int, bytes: Int64, form: Form, notes: [String]) throws {
        if json {
            let out = Output()
            let answer = Answer(path: file, format: form.format.rawValue, rows: rows, bytes: bytes, notes: notes)
            try out.line(JSONOutput.text(answer))
            return try out.flush()
        }
        if rows == 0 { return StandardError.line("tapio: note: no event passes") }
        if file == "-" { return }
        let count = "\(HumanUnits.count(Int64(rows))) event\(rows == 1 ? "" : "s")"
        StandardError.line("tapio: note: \(count), \(HumanUnits.bytes(bytes)) in \(TerminalText.escape(file))")
    }
}

/// Where the bytes of an export go.
protocol EventTarget: AnyObject {
    /// Bytes that were written.
    var byteCount: Int64 { get }
    func write(_ bytes: [UInt8]) throws
    func finish() throws
}

extension OutputFile: EventTarget {}

/// Standard output, compressed where that is wanted.
private final class StandardOutputTarget: EventTarget {
    private(set) var byteCount: Int64 = 0
    private let output = Output()
    private let zstd: ZstdEncoder?

    init(isCompressed: Bool) {
        zstd = isCompressed ? ZstdEncoder() : nil
    }

    func write(_ bytes: [UInt8]) throws { try put(bytes, isLast: false) }

    func finish() throws {
        if zstd != nil { try put([], isLast: true) }
        try output.flush()
    }

    private func put(_ bytes: [UInt8], isLast: Bool) throws {
        var ready = bytes
        if let zstd {
            ready = []
            zstd.append(bytes, isLast: isLast, to: &ready)
        }
        byteCount += Int64(ready.count)
        try output.bytes(ready)
    }
}
