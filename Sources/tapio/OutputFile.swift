import Glibc
import TapioArchive
import TapioEvents

/// A file that a command makes: written under another name beside it and given its own when it is whole, so that nobody ever
/// finds half of it. Of one task.
final class OutputFile {
    /// Whom a file is made for.
    enum Access: mode_t {
        /// Its owner, and its group to read.
        case group = 0o640
        /// Its owner alone.
        case owner = 0o600
    }

    /// Bytes that are collected before they are written.
    private static let blockBytes = 1 << 20

    /// The file, as the person named it.
    let path: String
    /// Bytes that were written.
    private(set) var byteCount: Int64 = 0
    private let temporary: String
    private let descriptor: Int32
    private let isReplacing: Bool
    private let zstd: ZstdEncoder?
    private var pending: [UInt8] = []
    private var isRenamed = false

    /// - Parameters:
    ///   - path: Where.
    ///   - isCompressed: Whether all of it is put into a zstd frame.
    ///   - isReplacing: Whether a file that is there in the end is replaced, in one step; else that is an error.
    init(
        _ path: String,
        isCompressed: Bool = false,
        isReplacing: Bool = true,
        for access: Access = .group
    ) throws {
        try OutputFile.check(path)
        let temporary = "\(path).\(getpid()).tmp"
        // Before it is there: a signal may come right after.
        TemporaryFiles.add(temporary)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let opened = unsafe open(temporary, flags, access.rawValue)
        guard opened >= 0 else {
            let failure = OutputFile.failure(path)
            TemporaryFiles.remove(temporary)
            throw failure
        }
        self.path = path
        self.temporary = temporary
        self.isReplacing = isReplacing
        descriptor = opened
        zstd = isCompressed ? ZstdEncoder(level: 3) : nil
    }

    deinit {
        close(descriptor)
        // What is not whole is of no use to anybody.
        if !isRenamed { unsafe unlink(temporary) }
        TemporaryFiles.remove(temporary)
    }

    /// Adds bytes.
    func write(_ bytes: [UInt8]) throws {
        if let zstd { zstd.append(bytes, to: &pending) } else { pending += bytes }
        if pending.count >= OutputFile.blockBytes { try flush() }
    }

    /// Ends the file and gives it its name.
    func finish() throws {
        zstd?.append([], isLast: true, to: &pending)
        try flush()
        guard fsync(descriptor) == 0 || errno == EINVAL, takeName() else { throw OutputFile.failure(path) }
    }

    /// Whether it has its name now; else errno says why.
    private func takeName() -> Bool {
        if !isReplacing {
            // A rename would replace what somebody made meanwhile; a link fails.
            if unsafe link(temporary, path) == 0 { return true }
            // Some file systems know no links, such as those of memory sticks or behind FUSE.
            guard [EPERM, EOPNOTSUPP, ENOSYS].contains(errno) else { return false }
            var facts = stat()
            if unsafe lstat(path, &facts) == 0 {
                errno = EEXIST
                return false
            }
        }
        isRenamed = unsafe rename(temporary, path) == 0
        return isRenamed
    }

    private func flush() throws {
        var written = 0
        while written < pending.count {
            let result = unsafe pending.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress! + written, pending.count - written)
            }
            if result > 0 {
                written += result
            } else if result == 0 || errno != EINTR {
                throw OutputFile.failure(path)
            }
        }
        byteCount += Int64(written)
        pending.removeAll(keepingCapacity: true)
    }

    /// Refuses what is there and no file, before a device or a pipe is replaced by one.
    static func check(_ path: String) throws {
        var facts = stat()
        guard unsafe lstat(path, &facts) == 0 else { return }
        let form = facts.st_mode & S_IFMT
        guard form == S_IFREG || form == S_IFLNK else {
            throw CommandFailure(
                .usage,
                "\(TerminalText.escape(path)) is no file: name another one, or - for standard output"
            )
        }
    }

    static func failure(_ path: String) -> CommandFailure {
        let code = errno
        let reason = unsafe String(cString: strerror(code))
        let status = code == EACCES || code == EPERM ? ExitStatus.privileges : .failed
        return CommandFailure(status, "cannot write \(TerminalText.escape(path)): \(reason)")
    }
}
