import Glibc

/// Parts of files for a report: regular ones and those of /proc and /sys, never what would block.
enum SmallText {
    /// Up to so many bytes from the beginning; nil where it cannot be read.
    static func head(_ path: String, bytes: Int) -> [UInt8]? {
        guard let descriptor = open(path) else { return nil }
        defer { close(descriptor) }
        return read(descriptor, bytes: bytes)
    }

    /// The last so many bytes of a regular file, from the beginning of a line; nil where it is none or cannot be read.
    static func tail(_ path: String, bytes: Int) -> [UInt8]? {
        guard let descriptor = open(path) else { return nil }
        defer { close(descriptor) }
        var facts = stat()
        guard unsafe fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return nil }
        let start = max(0, Int(facts.st_size) - bytes)
        guard lseek(descriptor, start, SEEK_SET) >= 0, let text = read(descriptor, bytes: bytes) else { return nil }
        if start == 0 { return text }
        return Array(text.drop { $0 != UInt8(ascii: "\n") }.dropFirst())
    }

    private static func open(_ path: String) -> Int32? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        return descriptor < 0 ? nil : descriptor
    }

    private static func read(_ descriptor: Int32, bytes: Int) -> [UInt8]? {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(bytes, 65_536))
        while text.count < bytes {
            let count = unsafe Glibc.read(descriptor, &buffer, min(buffer.count, bytes - text.count))
            if count < 0 { return text.isEmpty ? nil : text }
            if count == 0 { break }
            text += buffer[..<count]
        }
        return text
    }
}
