import Glibc

/// What a collector lacks on this machine, found without starting it.
public struct CollectorNeed: Sendable, Equatable {
    /// What is lacking, as what follows "this machine lacks": "cgroups of version 2".
    public let what: String
    /// What to do about it, in one line.
    public let remedy: String
    /// Whether it cannot run at all; else it does without.
    public let isEssential: Bool

    /// A need that is not met.
    public init(_ what: String, remedy: String, isEssential: Bool = true) {
        self.what = what
        self.remedy = remedy
        self.isEssential = isEssential
    }
}

// Needs that several collectors have.
extension CollectorNeed {
    /// The hierarchy to which programs are attached that see the packets of all sockets.
    static var unifiedCgroups: CollectorNeed? {
        guard CgroupTree(of: "") == nil else { return nil }
        return CollectorNeed(
            "cgroups of version 2",
            remedy:
                "mount them: mount -t cgroup2 none /sys/fs/cgroup/unified, and in a container the host's /sys/fs/cgroup"
        )
    }

    /// What attaching to packets takes beside CAP_BPF (capabilities(7)).
    static var networkAdministration: CollectorNeed? {
        let status = ProcFile.read("/proc/self/status") ?? ""
        let set = CollectorPreflight.effectiveCapabilities(status: status) ?? 0
        // CAP_NET_ADMIN
        guard set & 1 << 12 == 0 else { return nil }
        return CollectorNeed("CAP_NET_ADMIN", remedy: "run as root, or grant it as CAP_BPF is granted")
    }

    /// A controller of control groups, which part of a collector looks at.
    static func controller(_ name: String, for what: String) -> CollectorNeed? {
        guard CgroupTree(of: name) == nil else { return nil }
        return CollectorNeed(
            "the \(name) controller, for \(what)",
            remedy: "mount it: mount -t cgroup2 none /sys/fs/cgroup/unified",
            isEssential: false
        )
    }

    /// A file by which the kernel tells something that part of a collector looks at.
    static func file(_ path: String, for what: String, remedy: String) -> CollectorNeed? {
        guard unsafe access(path, R_OK) != 0 else { return nil }
        return CollectorNeed("\(path), for \(what)", remedy: remedy, isEssential: false)
    }
}
