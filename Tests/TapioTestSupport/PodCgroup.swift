import Glibc

/// A pod's cgroup and that of one container in it, as kubelet's cgroupfs driver makes them below a root of its own; gone with
/// the object.
public final class PodCgroup {
    /// The pod's UID.
    public let uid: String
    /// The container's id.
    public let containerID: String
    /// The container's directory.
    public let path: String
    /// Its inode: what events call its cgroup.
    public let id: UInt64
    private let made: [String]

    /// Makes one; nil where this machine has no hierarchy that a test may write to.
    public init?() {
        func digits(_ count: Int) -> String {
            String((0..<count).map { _ in "0123456789abcdef".randomElement()! })
        }
        uid = [8, 4, 4, 4, 12].map(digits).joined(separator: "-")
        containerID = digits(64)
        for root in ["/sys/fs/cgroup/memory", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            var path = root
            var made: [String] = []
            // Below a directory of its own, as kind's kubelet has one: no other test shares any of them.
            for name in [CgroupDirectory.freshName(), "kubepods", "burstable", "pod\(uid)", containerID] {
                path += "/\(name)"
                if mkdir(path, 0o755) == 0 { made.append(path) }
            }
            var status = stat()
            guard made.last == path, access("\(path)/cgroup.procs", W_OK) == 0, stat(path, &status) == 0 else {
                for path in made.reversed() { rmdir(path) }
                continue
            }
            self.path = path
            self.made = made
            id = UInt64(status.st_ino)
            return
        }
        return nil
    }

    deinit {
        for path in made.reversed() { CgroupDirectory.remove(path) }
    }

    /// A shell command that moves the shell into the container.
    public var enter: String { "echo $$ > \(path)/cgroup.procs" }
}
