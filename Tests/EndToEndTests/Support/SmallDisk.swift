import Glibc
import TapioTestSupport

/// A small file system of a test's own (tmpfs), unmounted with its object.
final class SmallDisk {
    let path: String
    private let place = TemporaryDirectory()

    /// - Parameter path: Where it is mounted, an empty directory that is there; by default one of its own.
    init(bytes: Int, at path: String? = nil) throws {
        self.path = path ?? place.file("disk")
        if path == nil { mkdir(self.path, 0o755) }
        guard mount("tmpfs", self.path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            throw AgentFailure("cannot mount a tmpfs on \(self.path): \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        // A process that still has a file open must not keep the mount.
        umount2(path, Int32(MNT_DETACH))
    }

    /// Lets nobody write to it any more. The kernel refuses while a file is open for writing.
    func makeReadOnly() throws { try remount(MS_RDONLY) }

    /// Ends that.
    func makeWritable() throws { try remount(0) }

    private func remount(_ flags: Int) throws {
        guard mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | flags), nil) == 0 else {
            throw AgentFailure("cannot remount \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Writes a file that takes all the room there is.
    func fill(_ file: String) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        var size = 1 << 16
        while size > 0 {
            let bytes = [UInt8](repeating: 1, count: size)
            if Glibc.write(descriptor, bytes, size) <= 0 { size /= 16 }
        }
    }
}
