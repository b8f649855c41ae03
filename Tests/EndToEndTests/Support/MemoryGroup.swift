import Glibc
import TapioTestSupport

/// A control group of a test's own that limits memory (cgroup v1), removed with its object. Its processes must have ended.
final class MemoryGroup {
    let path: String

    /// A group below the test's own; nil where there is no such hierarchy, or this user may not use it.
    init?(limitBytes: Int) {
        guard let lines = TestFile.read("/proc/self/cgroup") else { return nil }
        let own = String(decoding: lines, as: UTF8.self).split(separator: "\n").first { $0.contains(":memory:") }
        guard let group = own?.split(separator: ":", omittingEmptySubsequences: false).last else { return nil }
        path = "/sys/fs/cgroup/memory\(group == "/" ? "" : String(group))/tapio-test-\(getpid())"
        guard mkdir(path, 0o755) == 0 else { return nil }
        guard write("\(limitBytes)", "memory.limit_in_bytes") else {
            rmdir(path)
            return nil
        }
    }

    deinit { rmdir(path) }

    /// Whether such a group can be made.
    static var isPossible: Bool { MemoryGroup(limitBytes: 1 << 30) != nil }

    /// Puts a process into it.
    func add(_ pid: pid_t) { _ = write("\(pid)", "cgroup.procs") }

    /// What runs a command in it, for ``TapioProgram/run(_:through:environment:)``.
    var wrapper: [String] { ["/bin/sh", "-c", "echo $$ > \(path)/cgroup.procs && exec \"$@\"", "in-group"] }

    private func write(_ text: String, _ file: String) -> Bool {
        let descriptor = open(path + "/" + file, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count
    }
}
