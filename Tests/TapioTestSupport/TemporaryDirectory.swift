import Glibc

/// A directory of a test's own, removed with all that is in it when it goes away.
public final class TemporaryDirectory: Sendable {
    /// Its absolute path.
    public let path: String

    /// Makes an empty one under the system's temporary directory.
    public init() {
        var template = Array("/tmp/tapio-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { fatalError("mkdtemp: \(String(cString: strerror(errno)))") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        TestFile.removeTree(path)
    }

    /// A path below it.
    public func file(_ name: String) -> String { path + "/" + name }
}

/// Files, for tests.
public enum TestFile {
    /// All bytes; nil where it cannot be read.
    public static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { return count == 0 ? bytes : nil }
            bytes += buffer[..<count]
        }
    }

    /// Writes (and replaces) a file.
    public static func write(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o600) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        precondition(descriptor >= 0, "cannot write \(path): \(String(cString: strerror(errno)))")
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
            }
            precondition(count > 0, "cannot write \(path): \(String(cString: strerror(errno)))")
            written += count
        }
    }

    /// Writes (and replaces) a text file.
    public static func write(_ path: String, _ text: String, mode: mode_t = 0o600) {
        write(path, Array(text.utf8), mode: mode)
    }

    /// Names in a directory, sorted; empty where there is none.
    public static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Paths of all files below a directory whose name ends in `suffix`, sorted.
    public static func find(_ path: String, suffix: String) -> [String] {
        list(path).flatMap { name -> [String] in
            let child = path + "/" + name
            var status = stat()
            guard lstat(child, &status) == 0 else { return [] }
            if status.st_mode & S_IFMT == S_IFDIR { return find(child, suffix: suffix) }
            return name.hasSuffix(suffix) ? [child] : []
        }
    }

    /// Removes a directory and all below it; links are removed, not followed.
    public static func removeTree(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in list(path) { removeTree(path + "/" + name) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// A point in time that a test will not wait beyond. It bounds waiting; no test asserts on it.
public struct Deadline {
    private let end: UInt64

    /// That many seconds from now.
    public init(seconds: Double) {
        end = Deadline.now() + UInt64(seconds * 1e9)
    }

    /// Whether it has passed.
    public var isOver: Bool { Deadline.now() >= end }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
