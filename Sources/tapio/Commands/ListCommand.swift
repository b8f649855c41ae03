import ArgumentParser
import TapioArchive
import TapioEvents
import TapioQuery

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "The archive's segments: time range, rows, bytes, kinds, state.",
        discussion: """
            A segment is sealed (complete), open (being written, or left behind by a crash until the agent starts \
            again), recovered (saved after a crash or repaired: a gap may follow its last row), or damaged (cut off, say; \
            tapio verify reads every byte). A segment that a merged one was made of is not listed, should it be there. \
            Exit code 3 when files are there that are damaged or cannot be read.

            EXAMPLES
              tapio ls
              tapio ls ./tapio-archive --json | jq '[.segments[].rows] | add'
              duckdb -c "SELECT * FROM '$(tapio ls --paths | head -1)' LIMIT 5"
            """
    )

    @Argument(
        help: ArgumentHelp("An archive, a node's directory, or one file. Default: as --archive.", valueName: "path")
    )
    var path: String?

    @Flag(help: "Only the paths, one a line.")
    var paths = false

    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if paths && output.json { throw ValidationError("--paths and --json exclude each other") }
        try ArchiveAccess.refuseTwo(path, archive)
    }

    private struct Answer: Encodable {
        var path: String
        var segments: [Entry]
        var warnings: [String]
    }

    private struct Entry: Encodable {
        var path: String
        var node: String?
        var state: String
        /// UTC nanoseconds since 1970.
        var from: Int64?
        var to: Int64?
        var rows: Int64
        var bytes: Int64
        var groups: Int
        var kinds: [Kind]
    }

    private struct Kind: Encodable {
        var name: String
        var rows: Int
        var weight: Double
    }

    func run() throws {
        let path = try path ?? archive.path()
        let reader = try ArchiveAccess.reader(path)
        let entries = reader.segments.map { segment in
            Entry(
                path: segment.path,
                node: segment.node,
                state: state(of: segment),
                from: segment.totals.minTimestampNs,
                to: segment.totals.maxTimestampNs,
                rows: segment.totals.rows,
                bytes: segment.bytes,
                groups: segment.totals.groups,
                kinds: segment.totals.kinds.sorted { ($1.rows, $0.name) < ($0.rows, $1.name) }
                    .map { Kind(name: $0.name, rows: $0.rows, weight: $0.weight) }
            )
        }
        let damaged = reader.segments.filter(\.isDamaged).map {
            "\($0.path) is damaged: tapio repair saves what is whole of it"
        }
        let warnings = reader.warnings + damaged
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(Answer(path: path, segments: entries, warnings: warnings)))
        } else if paths {
            for entry in entries { try out.line(entry.path) }
        } else {
            for line in lines(entries, path: path) { try out.line(line) }
        }
        try out.flush()
        if !output.json {
            for warning in warnings { StandardError.warning(TerminalText.escape(warning)) }
            if !paths { note(reader) }
        }
        if !warnings.isEmpty { throw ExitStatus.incomplete.code }
    }

    private func state(of segment: ArchiveSegment) -> String {
        if segment.isOpen { return "open" }
        if segment.isDamaged { return "damaged" }
        return segment.isRecovered ? "recovered" : "sealed"
    }

    private func note(_ reader: ArchiveReader) {
        if let (path, merged) = reader.duplicates.min(by: { $0.key < $1.key }) {
            let count = HumanUnits.count(Int64(reader.duplicates.count))
            StandardError.line(
                "tapio: note: not listed, as other segments have their rows: \(count), such as "
                    + "\(TerminalText.escape(path)), whose rows are in \(TerminalText.escape(merged))"
            )
        }
        ArchiveAccess.note(newerSchemaVersion: ArchiveSource.newerSchemaVersion(of: reader.segments))
    }

    private func lines(_ entries: [Entry], path: String) -> [String] {
        let shownPath = TerminalText.escape(path)
        if entries.isEmpty { return ["no segments in \(shownPath)"] }
        var table = TextTable([
            .left("FROM (UTC)"), .right("LASTS"), .right("ROWS"), .right("BYTES"), .right("B/ROW"), .left("STATE"),
            .left("KINDS"),
            .left("SEGMENT"),
        ])
        for entry in entries {
            let from = entry.from.map { String(HumanTime.rfc3339(seconds: $0 / 1_000_000_000).dropLast()) } ?? "—"
            var lasts = ""
            if let first = entry.from, let last = entry.to { lasts = HumanUnits.duration(ns: max(0, last &- first)) }
            let perRow = entry.rows > 0 ? HumanUnits.decimal(Double(entry.bytes) / Double(entry.rows), decimals: 1) : ""
            let kinds = entry.kinds.prefix(3).map { "\($0.name) \(HumanUnits.count(Int64($0.rows)))" }
            let more = entry.kinds.count > 3 ? ", +\(entry.kinds.count - 3)" : ""
            let isOnlyFile = entry.path == path
            let name = isOnlyFile ? entry.path : String(entry.path.dropFirst(path.count).drop { $0 == "/" })
            table.row([
                (from.split(separator: "T").joined(separator: " "), .plain), (lasts, .plain),
                (HumanUnits.count(entry.rows), .plain), (HumanUnits.bytes(entry.bytes), .plain), (perRow, .plain),
                (entry.state, entry.state == "sealed" ? .plain : .yellow),
                (kinds.joined(separator: ", ") + more, .plain), (name, .faint),
            ])
        }
        let rows = entries.reduce(0) { $0 + $1.rows }
        let bytes = entries.reduce(0) { $0 + $1.bytes }
        let count = "\(entries.count) segment\(entries.count == 1 ? "" : "s")"
        let total = "\(count), \(HumanUnits.count(rows)) rows, \(HumanUnits.bytes(bytes)) in \(shownPath)"
        return table.lines(output.paint) + [total]
    }
}
