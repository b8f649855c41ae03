import Glibc
import TapioKernel

/// The hierarchy of cgroups in which a controller is, as directories.
struct CgroupTree: Sendable {
    /// The most directories that one walk visits, and how deep it goes.
    static let mostDirectories = 10_000
    static let mostLevels = 16

    /// Where it is mounted.
    let root: String
    /// 1 or 2.
    let version: Int

    /// Where a controller is, according to the text of a file like /proc/self/mounts: in a hierarchy of its own in version 1,
    /// else in version 2.
    init?(of controller: String, mounts: String) {
        var unified: String?
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count >= 4 else { continue }
            if fields[2] == "cgroup", fields[3].split(separator: ",").contains(Substring(controller)) {
                root = String(fields[1])
                version = 1
                return
            }
            if fields[2] == "cgroup2", unified == nil { unified = String(fields[1]) }
        }
        guard let unified else { return nil }
        root = unified
        version = 2
    }

    /// Where a controller is on this machine.
    init?(of controller: String) {
        self.init(of: controller, mounts: ProcFile.read("/proc/self/mounts") ?? "")
    }

    /// Where version 2 is mounted: what programs that see the packets of all sockets are attached to.
    static func unifiedRoot() throws(KernelError) -> String {
        guard let root = CgroupTree(of: "")?.root else {
            throw KernelError(
                code: 0,
                action: "find",
                subject: "the cgroups of version 2",
                remedy: "mount them: mount -t cgroup2 none /sys/fs/cgroup/unified"
            )
        }
        return root
    }

    /// The paths of all cgroups from the root on, which has "/"; and whether there were more than are visited.
    func paths() -> (paths: [String], isCut: Bool) {
        var found = ["/"]
        var isCut = false
        var level = [""]
        for _ in 0..<Self.mostLevels where !level.isEmpty {
            var next: [String] = []
            for parent in level {
                for name in DirectoryNames.directories(in: root + parent) {
                    guard found.count < Self.mostDirectories else { return (found, true) }
                    next.append("\(parent)/\(name)")
                    found.append("\(parent)/\(name)")
                }
            }
            level = next
        }
        isCut = !level.isEmpty
        return (found, isCut)
    }

    /// The text of a cgroup's file; nil where it has none.
    func read(_ file: String, of path: String) -> String? {
        ProcFile.read(path == "/" ? "\(root)/\(file)" : "\(root)\(path)/\(file)")
    }

    /// The inode of a cgroup's directory; nil where it is gone.
    func inode(of path: String) -> UInt64? {
        var status = stat()
        guard unsafe lstat(root + path, &status) == 0 else { return nil }
        return UInt64(status.st_ino)
    }
}

/// What names cgroups in records: the kernel's programs go by version 2, unless that holds only its root, where the memory
/// controller's hierarchy tells containers apart.
struct CgroupIdentity: Sendable {
    private let trees: [CgroupTree]

    /// The identity on a machine with these mounts.
    init(mounts: String) {
        let memory = CgroupTree(of: "memory", mounts: mounts)
        let unified = CgroupTree(of: "", mounts: mounts)
        trees = [memory, unified].compactMap(\.self)
    }

    /// The `cgroup_id` of a path that was found in any hierarchy; nil where it is gone.
    func id(of path: String) -> UInt64? {
        for tree in trees {
            if let inode = tree.inode(of: path) { return inode }
        }
        return nil
    }
}

/// Names in directories.
enum DirectoryNames {
    /// The directories in a directory, without `.` and `..`; empty where it can't be read. Never follows a symbolic link.
    static func directories(in path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            // The kernel ends each name with NUL, within the array.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
