import Glibc
import TapioEvents

/// Where a report goes: a file that was not there, whole or not at all, or standard output.
struct ReportTarget {
    /// `-` is standard output.
    let path: String
    /// Whether a file that is there is replaced.
    let isReplacing: Bool

    private var shown: String { TerminalText.escape(path) }

    /// Whether it can be written, as far as that shows without writing.
    func check() throws {
        guard path != "-" else { return }
        try OutputFile.check(path)
        var facts = stat()
        if !isReplacing, unsafe lstat(path, &facts) == 0 {
            throw CommandFailure(
                .usage,
                "\(shown) is there already: name another file with -o, or replace it with --force"
            )
        }
        guard unsafe access(directory, W_OK | X_OK) == 0 else { throw failure() }
    }

    /// Writes it. What was there stays until all is written.
    func write(_ text: String) throws {
        if path == "-" {
            let out = Output()
            try out.text(text)
            return try out.flush()
        }
        let temporary = "\(path).\(getpid()).part"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else { throw failure() }
        TemporaryFiles.add(temporary)
        defer { TemporaryFiles.remove(temporary) }
        var isWritten = Self.write(Array(text.utf8), to: descriptor)
        if isWritten { isWritten = fsync(descriptor) == 0 || errno == EINVAL }
        var problem = errno
        if close(descriptor) != 0 && isWritten {
            problem = errno
            isWritten = false
        }
        if isWritten {
            // A link fails where somebody else made the file meanwhile; a rename replaces it.
            isWritten = unsafe isReplacing ? rename(temporary, path) == 0 : link(temporary, path) == 0
            problem = errno
            if isWritten && isReplacing { return }
        }
        unsafe unlink(temporary)
        if isWritten { return }
        errno = problem
        throw failure()
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func failure() -> CommandFailure {
        let reason = unsafe String(cString: strerror(errno))
        return CommandFailure(.failed, "cannot write \(shown): \(reason); name another file with -o")
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
        }
        return true
    }
}
