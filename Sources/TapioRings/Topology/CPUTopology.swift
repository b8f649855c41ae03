import CTapioSystem
import Glibc

/// The CPUs of this machine: how they belong together, and which of them the process may use.
public struct CPUTopology: Sendable, Equatable {
    /// CPUs that may ever come online, ascending. Per-CPU BPF maps have one value for each.
    public let possible: [Int]
    /// CPUs that are online, ascending; never empty.
    public let online: [Int]
    /// Online CPUs that the process may run on (affinity and cpuset), ascending; never empty.
    public let allowed: [Int]
    /// NUMA nodes that are online, by number, those without CPUs too; none on a kernel without NUMA.
    public let nodes: [NUMANode]
    /// CPUs that are slower than others by design, ascending; none where all are alike.
    public let efficiencyCPUs: [Int]
    /// Online CPUs that share a core, ascending, each CPU in one of them.
    public let cores: [[Int]]

    /// A part of the machine: memory, and the CPUs that are near to it.
    public struct NUMANode: Sendable, Equatable {
        /// The kernel's number of it. There may be gaps.
        public let number: Int
        /// Its online CPUs, ascending; none where it is only memory.
        public let cpus: [Int]
    }

    /// Values that a per-CPU BPF map holds per key.
    public var possibleCount: Int { possible.count }

    /// The node of a CPU; nil where the kernel knows no NUMA, or the CPU is offline.
    public func node(of cpu: Int) -> Int? {
        nodes.first { $0.cpus.contains(cpu) }?.number
    }

    /// The topology of this machine at this moment; CPUs can come and go.
    ///
    /// - Parameter root: The directory that `sys/` and `proc/` are in: `/` but in tests and in containers that mount the
    ///   host's.
    public static func current(root: String = "/") throws(CPUTopologyError) -> CPUTopology {
        // The process's main thread, because the calling one may itself be pinned.
        switch CPUMask.allowed(tid: getpid()) {
        case .success(let mask): try CPUTopology(root: root, affinity: mask.cpus)
        case .failure(let refusal): throw CPUTopologyError(source: "sched_getaffinity", reason: .errno(refusal.errno))
        }
    }

    /// The topology under `root` for a process with this affinity.
    init(root: String, affinity: [Int]) throws(CPUTopologyError) {
        let root = root.hasSuffix("/") ? root : root + "/"
        let files = CPUFiles(devices: root + "sys/devices/")
        possible = try files.possible()
        let online = try files.online()
        self.online = online
        nodes = try files.nodes(online: online)
        efficiencyCPUs = try files.efficiencyCPUs(online: online)
        cores = try files.cores(online: online)
        let cpuset = try CPUSet.current(root: root) ?? online
        allowed = Self.allowed(online: online, affinity: affinity, cpuset: cpuset)
    }

    /// The kernel keeps the affinity within the cpuset, but a cpuset that was narrowed a moment ago is seen there first. A
    /// limit that leaves nothing is another machine's, as with a recorded or a mounted `/sys`: go by what is there.
    private static func allowed(online: [Int], affinity: [Int], cpuset: [Int]) -> [Int] {
        let within = online.filter { cpuset.contains($0) }
        let inCPUSet = within.isEmpty ? online : within
        let both = inCPUSet.filter { affinity.contains($0) }
        return both.isEmpty ? inCPUSet : both
    }
}
