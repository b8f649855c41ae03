import Glibc

/// A call to the operating system that failed: which, on what, and why.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system call, as in its manual page.
    public let call: String
    /// The file or directory.
    public let path: String
    /// The `errno`.
    public let code: Int32

    /// Makes an error.
    public init(call: String, path: String, code: Int32) {
        self.call = call
        self.path = path
        self.code = code
    }

    /// One line: `pwritev /var/lib/tapio/…: No space left on device (errno 28)`.
    public var description: String { "\(call) \(path): \(Self.text(of: code)) (errno \(code))" }

    private static func text(of code: Int32) -> String {
        // Invariant: glibc returns a terminated string that stays valid until the thread's next call; it is copied here.
        guard let text = unsafe strerror(code) else { return "unknown error" }
        return unsafe String(cString: text)
    }
}
