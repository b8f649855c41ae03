import Glibc
import TapioArchive
import TapioEvents

/// Opens archives for the commands that read them.
enum ArchiveAccess {
    /// What is at `path`. A missing or unreadable archive is told with what to do.
    static func reader(_ path: String) throws -> ArchiveReader {
        do {
            let reader = try ArchiveReader(path: path)
            try refuseForeign(reader, path)
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

    /// The words for an archive or file that cannot be opened.
    static func failure(_ error: FileError, path: String) -> CommandFailure {
        let shown = TerminalText.escape(path)
        switch error.code {
        case ENOENT:
            return CommandFailure(
                .failed,
                "there is no archive at \(shown); name one with --archive, or make one with tapio run"
            )
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
