import Glibc

/// Directories of cgroups, as tests make and remove them.
public enum CgroupDirectory {
    /// A name that no other test uses.
    static func freshName() -> String {
        "tapio-test-\(getpid())-\(UInt32.random(in: 0...(.max)))"
    }

    /// Writes one of its files; false where the kernel refuses.
    static func write(_ path: String, _ text: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
    }

    /// Removes it and all below it, as often as ``remove(_:)`` tries.
    public static func removeTree(_ path: String) {
        var status = stat()
        for name in TestFile.list(path) where lstat("\(path)/\(name)", &status) == 0 {
            if status.st_mode & S_IFMT == S_IFDIR { removeTree("\(path)/\(name)") }
        }
        remove(path)
    }

    /// Removes it, for up to 5 s: what ended in it may still be on its way out.
    public static func remove(_ path: String) {
        for _ in 0..<500 where rmdir(path) != 0 && errno == EBUSY { usleep(10_000) }
    }
}
