import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents
import TapioQuery

/// Opens archives for the commands that read them.
enum ArchiveAccess {
    /// What is at `path`. A missing or unreadable archive is told with what to do.
    static func reader(_ path: String) throws -> ArchiveReader {
        do {
            let reader = try ArchiveReader(path: path)
            try refuseForeign(reader, path)
            try refuseStrangers(path, hasSegments: !reader.segments.isEmpty, warnings: reader.warnings)
            return reader
        } catch let error as FileError {
            throw failure(error, path: path)
        }
    }

    /// One file of which nothing is a segment's is somebody else's, and what is said of it would be wrong.
    private static func refuseForeign(_ reader: ArchiveReader, _ path: String) throws {
        guard reader.segments.count == 1, reader.segments[0].path == path else { return }
        let opened: OpenedSegment
        do throws(ArchiveReadError) {
            opened = try reader.segments[0].open()
        } catch {
            throw CommandFailure(.failed, TerminalText.escape("\(error)"))
        }
        // Other writers' files that have our columns, as duckdb's copies, are read too.
        if opened.isOurs || opened.schema.index(of: "kind") != nil { return }
        throw CommandFailure(
            .failed,
            "\(TerminalText.escape(path)) is no segment of an archive: name one with --archive"
        )
    }

    /// A directory in which there are files, and none is a segment, is somebody else's.
    static func refuseStrangers(_ path: String, hasSegments: Bool, warnings: [String]) throws {
        guard !hasSegments, !warnings.isEmpty, !hasNodes(path) else { return }
        let files = "\(HumanUnits.count(Int64(warnings.count))) files and directories"
        throw CommandFailure(
            .failed,
            "\(TerminalText.escape(path)) is no archive: of its \(files) none is a segment; name the directory that has node=… in it"
        )
    }

    private static func hasNodes(_ path: String) -> Bool {
        if path.split(separator: "/").last?.hasPrefix("node=") == true { return true }
        let entries = (try? PosixFileSystem().list(path)) ?? []
        return entries.contains { $0.name.hasPrefix("node=") || $0.name == ".catalogue.tsv" }
    }

    /// Files that are left out and are named one by one.
    private static let namedFiles = 10

    /// Says which files of an archive are left out, and why.
    static func note(leftOut warnings: [String]) {
        for warning in warnings.prefix(namedFiles) { StandardError.warning(TerminalText.escape(warning)) }
        let more = warnings.count - namedFiles
        if more > 0 {
            let files = more == 1 ? "1 more file was" : "\(HumanUnits.count(Int64(more))) more files were"
            StandardError.warning("and \(files) left out")
        }
    }

    /// Says that an archive is of a later version, where it is.
    static func note(newerSchemaVersion: String?) {
        guard let version = newerSchemaVersion else { return }
        StandardError.line(
            "tapio: note: written by a newer version (schema \(TerminalText.escape(version)), this program knows \(ArchiveSource.schemaVersion)): fields that it does not know are taken as the file describes them"
        )
    }

    /// Where an archive may be named as an argument as well as with --archive.
    static func refuseTwo(_ path: String?, _ archive: ArchiveOptions) throws {
        if path != nil && archive.archive != nil {
            throw ValidationError("give the path once: as argument or --archive")
        }
    }

    /// The words for an archive or file that cannot be opened.
    static func failure(_ error: FileError, path: String) -> CommandFailure {
        let shown = TerminalText.escape(path)
        switch error.code {
        case ENOENT:
            return CommandFailure(
                .failed,
                "there is no archive at \(shown); name one with --archive, or make one with tapio run"
            )
        case ENOTDIR:
            return CommandFailure(.failed, "\(shown) is no directory: name an archive's, or one node=… in it")
        case EACCES, EPERM:
            return CommandFailure(
                .privileges,
                "this user may not read the archive at \(shown); run as root or its owner"
            )
        default:
            return CommandFailure(.failed, TerminalText.escape("\(error)"))
        }
    }
}
