/// The CPUs that the process's control group leaves it.
enum CPUSet {
    /// The CPUs of the cpuset that the process is in; nil where there is none, or where it says nothing.
    ///
    /// - Parameter root: With a slash at its end.
    static func current(root: String) throws(CPUTopologyError) -> [Int]? {
        let groups = try KernelFile.readIfThere(root + "proc/self/cgroup") ?? ""
        for path in files(of: groups) {
            if let cpus = try CPUList.readIfThere(root + path), !cpus.isEmpty { return cpus }
        }
        return nil
    }

    /// Where the kernel may say which CPUs, the likeliest first.
    ///
    /// - Parameter groups: `/proc/self/cgroup`: lines like `3:cpuset:/path` (version 1) and `0::/path` (version 2).
    static func files(of groups: String) -> [String] {
        var version1: [String] = []
        var version2: [String] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            // In a container the path can be the host's, while only the container's own group is mounted, at the top.
            let paths = parts[2] == "/" ? [""] : [String(parts[2]), ""]
            if parts[1].split(separator: ",").contains("cpuset") {
                version1 += paths.map { "sys/fs/cgroup/cpuset\($0)/cpuset.effective_cpus" }
                version1 += paths.map { "sys/fs/cgroup/cpuset\($0)/cpuset.cpus" }
            } else if parts[0] == "0" && parts[1].isEmpty {
                version2 += paths.map { "sys/fs/cgroup\($0)/cpuset.cpus.effective" }
            }
        }
        // A controller belongs to one version only; where it is version 1's, version 2 has no such file.
        return version1 + version2
    }
}
