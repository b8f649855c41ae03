import CTapioSystem
import Glibc
import TapioKernel

/// A regular file that may be anybody's, open to be read. What is in it is trusted in nothing.
final class ForeignFile {
    /// What tells files apart, and a file from what it was before it was written to.
    struct Identity: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var size: UInt64
        var modifiedNs: Int64
    }

    let descriptor: Int32
    let identity: Identity

    /// Opens a file by its path; follows links.
    convenience init(_ path: String) throws(KernelError) {
        try unsafe self.init(owning: tapio_open_regular(path), path)
    }

    /// Opens a file by its path as a process sees it.
    convenience init(_ path: String, asSeenBy pid: Int32) throws(KernelError) {
        let root = unsafe open("/proc/\(pid)/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw KernelError(code: errno, action: "open", subject: "/proc/\(pid)/root") }
        defer { close(root) }
        try unsafe self.init(owning: tapio_open_in_root(root, path), "\(path) of process \(pid)")
    }

    private init(owning descriptor: Int32, _ subject: String) throws(KernelError) {
        var status = stat()
        var code = descriptor < 0 ? -descriptor : 0
        if code == 0, unsafe fstat(descriptor, &status) != 0 { code = errno }
        guard code == 0 else {
            if descriptor >= 0 { close(descriptor) }
            throw KernelError(
                code: code,
                action: "open",
                subject: subject,
                remedy: code == EINVAL ? "name a regular file" : code == ENOENT ? "there is no such file" : nil
            )
        }
        self.descriptor = descriptor
        identity = Identity(
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino),
            size: UInt64(max(status.st_size, 0)),
            modifiedNs: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        )
    }

    deinit {
        close(descriptor)
    }

    /// A path by which this very file can be named, as long as it is open.
    var path: String { "/proc/self/fd/\(descriptor)" }

    /// At most `count` bytes from `offset` on: fewer, or none, where the file ends or can't be read.
    func read(at offset: UInt64, count: Int) -> [UInt8] {
        guard count > 0, offset < identity.size else { return [] }
        var wanted = Int(min(UInt64(count), identity.size - offset))
        var done = 0
        // `read` never writes more than it is asked for, which is what is left of the buffer.
        return unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
            while wanted > 0 {
                let got = unsafe pread(
                    descriptor,
                    buffer.baseAddress! + done,
                    wanted,
                    off_t(clamping: offset + UInt64(done))
                )
                if got < 0, errno == EINTR { continue }
                if got <= 0 { break }
                done += got
                wanted -= got
            }
            initialized = done
        }
    }
}
