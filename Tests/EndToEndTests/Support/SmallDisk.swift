import Glibc
import TapioTestSupport

/// A small file system of a test's own (tmpfs), unmounted with its object.
final class SmallDisk {
    let path: String
    private let place = TemporaryDirectory()

    init(bytes: Int) throws {
        path = place.file("disk")
        mkdir(path, 0o755)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            throw AgentFailure("cannot mount a tmpfs on \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        // A process that still has a file open must not keep the mount.
        umount2(path, Int32(MNT_DETACH))
    }

    /// Lets nobody write to it any more.
    func makeReadOnly() throws {
        guard mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 else {
            throw AgentFailure("cannot remount \(path): \(String(cString: strerror(errno)))")
        }
    }
}
