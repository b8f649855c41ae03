import Glibc

/// A cgroup of the CPU controller with a quota, of version 1 or 2, that a test makes and removes.
public final class CPUQuotaCgroup {
    /// Its directory.
    public let path: String
    /// The part of its hierarchy's path that names it.
    public let name: String
    /// Inode of the directory.
    public let id: UInt64

    /// Makes one that may use `percent` of one CPU, in periods of 100 ms; nil where this machine has no CPU controller that a
    /// test may use.
    public init?(percent: Int) {
        name = CgroupDirectory.freshName()
        for (root, isVersion1) in [
            ("/sys/fs/cgroup/cpu", true), ("/sys/fs/cgroup/cpu,cpuacct", true), ("/sys/fs/cgroup", false),
            ("/sys/fs/cgroup/unified", false),
        ] {
            let path = "\(root)/\(name)"
            if !isVersion1 { _ = CgroupDirectory.write("\(root)/cgroup.subtree_control", "+cpu") }
            guard access(root, W_OK) == 0, mkdir(path, 0o755) == 0 else { continue }
            var status = stat()
            let (file, text) =
                isVersion1 ? ("cpu.cfs_quota_us", "\(percent * 1000)") : ("cpu.max", "\(percent * 1000) 100000")
            guard CgroupDirectory.write("\(path)/\(file)", text), stat(path, &status) == 0 else {
                rmdir(path)
                continue
            }
            self.path = path
            id = UInt64(status.st_ino)
            return
        }
        return nil
    }

    deinit {
        CgroupDirectory.remove(path)
    }

    /// A shell command that moves the shell into it.
    public var enter: String { "echo $$ > \(path)/cgroup.procs" }

    /// A number in its `cpu.stat`.
    public func statistic(_ name: String) -> UInt64? {
        let text = String(decoding: TestFile.read("\(path)/cpu.stat") ?? [], as: UTF8.self)
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == name { return UInt64(fields[1]) }
        }
        return nil
    }
}
