import Glibc
import TapioArchive
import TapioEvents

/// A file that a command makes: written under another name beside it and renamed when it is whole, so that nobody ever finds
/// half of it. Of one task.
final class OutputFile {
    /// Bytes that are collected before they are written.
    private static let blockBytes = 1 << 20

    /// The file, as the person named it.
    let path: String
    /// Bytes that were written.
    private(set) var byteCount: Int64 = 0
    private let temporary: String
    private let descriptor: Int32
    private let zstd: ZstdEncoder?
    private var pending: [UInt8] = []
    private var isDone = false

    /// - Parameters:
    ///   - path: Where; a file that is there is replaced in the end, in one step.
    ///   - isCompressed: Whether all of it is put into a zstd frame.
    init(_ path: String, isCompressed: Bool) throws {
        self.path = path
        try OutputFile.check(path)
        temporary = "\(path).\(getpid()).tmp"
        zstd = isCompressed ? ZstdEncoder(level: 3) : nil
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { throw OutputFile.failure("cannot make", path) }
        TemporaryFiles.add(temporary)
    }

    deinit {
        close(descriptor)
        // What is not whole is of no use to anybody.
        if !isDone { unsafe unlink(temporary) }
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
        guard fsync(descriptor) == 0 || errno == EINVAL, unsafe rename(temporary, path) == 0 else {
            throw OutputFile.failure("cannot write", path)
        }
        isDone = true
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
                throw OutputFile.failure("cannot write", path)
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

    private static func failure(_ what: String, _ path: String) -> CommandFailure {
        let code = errno
        let reason = unsafe String(cString: strerror(code))
        let status = code == EACCES || code == EPERM ? ExitStatus.privileges : .failed
        return CommandFailure(status, "\(what) \(TerminalText.escape(path)): \(reason)")
    }
}
