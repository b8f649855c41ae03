import Glibc

/// Why a batch was not written.
public struct ArchiveWriteError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reason under which the rows count as failed.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The file system is full (ENOSPC) or a quota is used up (EDQUOT).
        case noSpace
        /// The disk reports an error (EIO).
        case inputOutput
        /// The file system is mounted read-only (EROFS).
        case readOnly
        /// The batch is beyond what a segment can hold (1 GiB, 2³² rows), or has none of the schema's shape.
        case tooLarge
        /// The archive was closed.
        case closed
        /// Anything else; the error says what.
        case other
    }

    /// Why.
    public let reason: Reason
    /// Rows that are lost with it.
    public let rows: Int
    /// The call that failed; nil if none was made for this batch.
    public let cause: FileError?
    /// True if nothing was tried, because the last failure was a moment ago.
    public let isRepeated: Bool

    /// Whether the same batch may be given to the archive again: it is not at fault itself, and none of it can turn up later.
    /// After a sync that failed (with ``SyncPolicy/batch``) the rows may be in the file, for the next start to find.
    public var mayBeTriedAgain: Bool {
        switch reason {
        case .tooLarge, .closed: false
        case .noSpace, .inputOutput, .readOnly, .other:
            isRepeated || cause.map { !SyncWork.calls.contains($0.call) } ?? true
        }
    }

    /// One line.
    public var description: String {
        let what = "\(rows) rows were not archived (\(reason.rawValue))"
        let detail = cause.map { ": \($0)" } ?? ""
        return what + detail + (isRepeated ? "; not tried again yet" : "")
    }

    static func reason(for error: FileError) -> Reason {
        switch error.code {
        case ENOSPC, EDQUOT: .noSpace
        case EIO: .inputOutput
        case EROFS: .readOnly
        default: .other
        }
    }
}

/// Why an archive could not be opened.
public enum ArchiveOpenError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Another process writes to it.
    case locked(path: String, pid: Int32?)
    /// The disk.
    case file(FileError)
    /// The node's name can't be a directory's.
    case invalidNode(String)

    /// One line.
    public var description: String {
        switch self {
        case .locked(let path, let pid):
            let who = pid.map { "process \($0)" } ?? "another process"
            return "\(path): locked by \(who), which writes to this archive; stop it or choose another directory"
        case .file(let error): return "the archive can't be opened: \(error)"
        case .invalidNode(let node): return "node name \"\(node)\": must not be empty or contain a slash or NUL"
        }
    }
}
