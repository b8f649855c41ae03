import Glibc
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioQuery

/// An archive with a question about it: what `query` and `cat` share.
struct ArchiveQuestion {
    let source: ArchiveSource
    let engine: QueryEngine
    let query: Query

    /// - Parameter kinds: Names of kinds that stand by themselves on the command line, though the filter has them too.
    init(path: String, spec: QuerySpec, kinds: [String] = [], includesOpen: Bool = true) throws {
        do {
            source = try ArchiveSource(path: path, includesOpen: includesOpen)
        } catch let error as FileError {
            // A question that is wrong anywhere is told first: it is so whichever archive is named then.
            _ = try Query(spec, schema: QuerySchema(CollectorRegistry.schemas).addingJoins())
            throw ArchiveAccess.failure(error, path: path)
        }
        // The archive may be of another version: its own names count too.
        let schema = source.schema(QuerySchema(CollectorRegistry.schemas)).addingJoins()
        try schema.check(kinds: kinds)
        query = try Query(spec, schema: schema)
        if let stranger = source.stranger {
            throw CommandFailure(.failed, TerminalText.escape("\(path) \(stranger)"))
        }
        try ArchiveAccess.refuseStrangers(path, hasSegments: !source.segments.isEmpty, warnings: source.warnings)
        engine = QueryEngine(segments: source.segments)
    }

    /// Says on standard error what the answer lacks, and returns how the command ends.
    func note(_ notes: [String], isIncomplete: Bool) -> ExitStatus {
        var status = isIncomplete || !source.warnings.isEmpty ? ExitStatus.incomplete : .ok
        ArchiveAccess.note(leftOut: source.warnings)
        ArchiveAccess.note(newerSchemaVersion: source.newerSchemaVersion)
        for note in notes { StandardError.line("tapio: note: \(note)") }
        for gap in gaps() {
            StandardError.line("tapio: note: \(gap)")
            status = .incomplete
        }
        return status
    }

    /// What was lost of what is asked for; nothing where the archive cannot be read: then other notes say so.
    func gaps() -> [GapNotice] { (try? engine.gaps(query)) ?? [] }

    /// A bar while the archive is read.
    static func withProgress<Result>(_ body: (@escaping QueryEngine.Progress) throws -> Result) rethrows -> Result {
        let bar = ScanBar()
        defer { bar.clear() }
        return try body(bar.show)
    }
}
