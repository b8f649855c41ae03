import Glibc

/// Files of a few kilobytes: tokens, names.
enum SmallFile {
    /// Why one could not be read.
    struct Failure: Error {
        let reason: String
    }

    /// All bytes of a file.
    ///
    /// - Parameter most: The bytes that it may have; more is a failure.
    static func read(_ path: String, most: Int) throws(Failure) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(reason: message(errno)) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: most + 1)
        var count = 0
        while count < bytes.count {
            // The buffer outlives the call, and has room for what is asked for.
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Failure(reason: message(errno)) }
            if got == 0 { break }
            count += got
        }
        guard count <= most else { throw Failure(reason: "it has more than \(most) bytes") }
        return Array(bytes.prefix(count))
    }

    /// Nil where it can be read, else why not.
    static func obstacle(_ path: String) -> String? {
        unsafe access(path, R_OK) == 0 ? nil : message(errno)
    }

    private static func message(_ code: Int32) -> String {
        // Static text, or a buffer of this thread (glibc 2.32 and later).
        guard let text = unsafe strerror(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }
}
