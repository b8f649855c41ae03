import Glibc
import TapioEvents

/// Where a report goes: a file that was not there, whole or not at all, or standard output.
struct ReportTarget {
    /// `-` is standard output.
    let path: String
    /// Whether a file that is there is replaced.
    let isReplacing: Bool
    /// Who may read the file.
    var access = OutputFile.Access.group

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
        guard unsafe Glibc.access(directory, W_OK | X_OK) == 0 else { throw OutputFile.failure(path) }
    }

    /// Writes it. What was there stays until all is written.
    func write(_ bytes: [UInt8]) throws {
        if path == "-" {
            let out = Output()
            try out.bytes(bytes)
            return try out.flush()
        }
        let file = try OutputFile(path, isReplacing: isReplacing, for: access)
        try file.write(bytes)
        try file.finish()
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
