import Glibc
import TapioArchive
import TapioEvents

/// Opens archives for the commands that read them.
enum ArchiveAccess {
    /// What is at `path`. A missing or unreadable archive is told with what to do.
    static func reader(_ path: String) throws -> ArchiveReader {
        do {
            return try ArchiveReader(path: path)
        } catch {
            throw failure(error, path: path)
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
