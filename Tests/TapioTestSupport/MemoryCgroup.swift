import Glibc

/// A cgroup of the memory controller with a limit, of version 1 or 2, that a test makes and removes.
public final class MemoryCgroup {
    /// Its directory.
    public let path: String
    /// Inode of the directory: the cgroup's id.
    public let id: UInt64
    /// The limit.
    public let limitBytes: Int
    private let isVersion1: Bool

    /// Makes one; nil where this machine has no memory controller that a test may use.
    public init?(limitBytes: Int) {
        let name = CgroupDirectory.freshName()
        let candidates = [
            ("/sys/fs/cgroup/memory", true), ("/sys/fs/cgroup", false), ("/sys/fs/cgroup/unified", false),
        ]
        for (root, isVersion1) in candidates {
            let path = "\(root)/\(name)"
            let limit = isVersion1 ? "memory.limit_in_bytes" : "memory.max"
            if !isVersion1 { _ = CgroupDirectory.write("\(root)/cgroup.subtree_control", "+memory") }
            guard access(root, W_OK) == 0, mkdir(path, 0o755) == 0 else { continue }
            var status = stat()
            guard CgroupDirectory.write("\(path)/\(limit)", "\(limitBytes)"), stat(path, &status) == 0 else {
                rmdir(path)
                continue
            }
            // Without it a process that reaches the limit may swap instead.
            _ = CgroupDirectory.write(
                "\(path)/\(isVersion1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max")",
                isVersion1 ? "\(limitBytes)" : "0"
            )
            self.path = path
            self.id = UInt64(status.st_ino)
            self.limitBytes = limitBytes
            self.isVersion1 = isVersion1
            return
        }
        return nil
    }

    deinit {
        CgroupDirectory.remove(path)
    }

    /// A shell command that moves the shell into it, for the beginning of a script.
    public var enter: String { "echo $$ > \(path)/cgroup.procs" }
}
