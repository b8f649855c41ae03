import CTapioSystem
import Glibc

/// The CPUs of this machine, and those of them that the process may use.
public struct CPUTopology: Sendable, Equatable {
    /// CPUs that may ever come online, ascending. Per-CPU BPF maps have one value for each.
    public let possible: [Int]
    /// CPUs that are online, ascending.
    public let online: [Int]
    /// Online CPUs that the process may run on (affinity and cpuset), ascending; never empty.
    public let allowed: [Int]

    /// Values that a per-CPU BPF map holds per key.
    public var possibleCount: Int { possible.count }

    /// The topology of this machine at this moment; CPUs can come and go.
    ///
    /// - Parameter root: The directory that `sys/` is in: `/` but in tests and in containers that mount the host's.
    public static func current(root: String = "/") throws(CPUTopologyError) -> CPUTopology {
        // The process's main thread, because the calling one may itself be pinned.
        switch CPUMask.allowed(tid: getpid()) {
        case .success(let mask): try CPUTopology(root: root, affinity: mask.cpus)
        case .failure(let refusal): throw CPUTopologyError(source: "sched_getaffinity", reason: .errno(refusal.errno))
        }
    }

    /// The topology under `root` for a process with this affinity.
    init(root: String, affinity: [Int]) throws(CPUTopologyError) {
        let directory = (root.hasSuffix("/") ? root : root + "/") + "sys/devices/system/cpu/"
        possible = try CPUList.read(directory + "possible")
        online = try CPUList.read(directory + "online")
        let both = Set(online).intersection(affinity)
        // An affinity that names none of the online CPUs is another machine's (a recorded /sys): go by what is there.
        allowed = both.isEmpty ? online : both.sorted()
    }
}

/// Why the CPUs could not be found out.
public struct CPUTopologyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong.
    public enum Reason: Sendable, Equatable {
        /// The kernel's error number.
        case errno(Int32)
        /// The file says this, which is not a list of CPUs like `0-3,8`.
        case malformed(String)
    }

    /// The file or system call.
    public let source: String
    /// What was wrong.
    public let reason: Reason

    /// What, where and what to do, in one line.
    public var description: String {
        switch reason {
        case .errno(let number):
            "cannot read the CPUs from \(source): \(unsafe String(cString: strerror(number))); is /sys mounted?"
        case .malformed(let text):
            "cannot read the CPUs from \(source): '\(text)' is not a list like 0-3,8; is it the kernel's own file?"
        }
    }
}
