import CTapioSystem
import Glibc

/// Finds the path of a cgroup by its id, for one caller at a time.
///
/// The kernel is asked for it where it lets itself be asked (file handles, CAP_DAC_READ_SEARCH), at the cost of three system
/// calls. Else all directories are walked, at most once a second.
public final class CgroupPaths {
    /// What became of a question.
    public enum Answer: Sendable, Equatable {
        /// From the root of its hierarchy: "/" or "/a/b".
        case path(String)
        /// There is no such cgroup, or none any more.
        case gone
    }

    private struct Hierarchy {
        var root: String
        var descriptor: Int32
    }

    private let hierarchies: [Hierarchy]
    /// By inode, as of the last walk; used where the kernel doesn't tell.
    private var walked: [UInt64: String] = [:]
    private var walkedNs: UInt64?
    private static let mostWalked = 20_000
    private static let walkIntervalNs: UInt64 = 1_000_000_000

    /// For the hierarchies that are mounted there: that of version 2, and the memory controller's of version 1, by which
    /// events name cgroups where version 2 holds only its root. None of it need exist.
    public init(roots: [String]) {
        hierarchies = roots.compactMap { root in
            let descriptor = unsafe open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            return descriptor < 0 ? nil : Hierarchy(root: root, descriptor: descriptor)
        }
    }

    deinit {
        for hierarchy in hierarchies { close(hierarchy.descriptor) }
    }

    /// The roots on a machine with these mounts (the text of a file like /proc/self/mounts).
    public static func roots(mounts: String) -> [String] {
        var unified: [String] = []
        var memory: [String] = []
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count >= 4 else { continue }
            if fields[2] == "cgroup2" { unified.append(String(fields[1])) }
            if fields[2] == "cgroup", fields[3].split(separator: ",").contains("memory") {
                memory.append(String(fields[1]))
            }
        }
        return Array((memory.prefix(1) + unified.prefix(1)))
    }

    /// Where the cgroup with that id is.
    public func path(of id: UInt64, nowNs: UInt64) -> Answer {
        var mayAsk = false
        for hierarchy in hierarchies {
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = unsafe tapio_cgroup_path(hierarchy.descriptor, id, &buffer, buffer.count)
            if length >= 0 {
                let bytes = buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }
                guard let path = String(validating: bytes, as: UTF8.self) else { return .gone }
                return .path(Self.relative(path, to: hierarchy.root))
            }
            if length == -EPERM || length == -EOPNOTSUPP { mayAsk = true }
        }
        guard mayAsk else { return .gone }
        if walkedNs.map({ nowNs &- $0 >= Self.walkIntervalNs }) ?? true, walked[id] == nil { walk(nowNs) }
        return walked[id].map { .path($0) } ?? .gone
    }

    private func walk(_ nowNs: UInt64) {
        walkedNs = nowNs
        walked = [:]
        for hierarchy in hierarchies { walk(hierarchy.root, "", depth: 0) }
    }

    private func walk(_ root: String, _ path: String, depth: Int) {
        guard walked.count < Self.mostWalked, depth < 32 else { return }
        var status = stat()
        if unsafe lstat(root + path, &status) == 0 { walked[UInt64(status.st_ino)] = path.isEmpty ? "/" : path }
        guard let directory = unsafe opendir(root + path) else { return }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            // The kernel ends each name with NUL, within the array.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let name, name != ".", name != ".." { walk(root, "\(path)/\(name)", depth: depth + 1) }
        }
    }

    private static func relative(_ path: String, to root: String) -> String {
        guard path.hasPrefix(root) else { return path }
        let rest = path.dropFirst(root.utf8.count == 1 ? 0 : root.count)
        return rest.isEmpty ? "/" : String(rest)
    }
}
