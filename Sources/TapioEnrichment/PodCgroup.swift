/// A name in a cgroup's path that kubelet gave to a pod.
struct PodCgroup {
    let uid: String
    let qosClass: ContainerIdentity.QoSClass
    /// The container, where the name holds it as well (`…-pod<uid>.slice:cri-containerd:<id>`).
    let container: ContainerCgroup?

    /// - Parameter parents: The names above.
    init?(_ name: Substring, parents: ArraySlice<Substring>) {
        if let found = Self(slice: name) ?? Self(directory: name, parents: parents) {
            self = found
        } else {
            return nil
        }
    }

    private init(uid: String, qosClass: ContainerIdentity.QoSClass, container: ContainerCgroup?) {
        self.uid = uid
        self.qosClass = qosClass
        self.container = container
    }

    /// The systemd driver: a slice is called after all those above it, and `-` in the UID would mean a further one, so
    /// that it is `_` there.
    private init?(slice name: Substring) {
        let fields = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let slice = fields.first, slice.hasSuffix(".slice") else { return nil }
        let levels = slice.dropLast(".slice".count).split(separator: "-", omittingEmptySubsequences: false)
        guard let pod = levels.last, let qosClass = Self.qosClass(levels.dropLast()), let uid = Self.uid(pod) else {
            return nil
        }
        var container: ContainerCgroup?
        if fields.count == 2 {
            guard let found = ContainerCgroup(afterSlice: fields[1]) else { return nil }
            container = found
        }
        self.init(uid: uid, qosClass: qosClass, container: container)
    }

    /// The cgroupfs driver: a directory for each level.
    private init?(directory name: Substring, parents: ArraySlice<Substring>) {
        guard let qosClass = Self.qosClass(parents), let uid = Self.uid(name) else { return nil }
        self.init(uid: uid, qosClass: qosClass, container: nil)
    }

    /// What the levels above a pod say. A guaranteed pod has no level for its class.
    private static func qosClass(_ levels: ArraySlice<Substring>) -> ContainerIdentity.QoSClass? {
        switch (levels.dropLast().last, levels.last) {
        case (_, "kubepods"): .guaranteed
        case ("kubepods", "burstable"): .burstable
        case ("kubepods", "besteffort"): .bestEffort
        default: nil
        }
    }

    /// The UID in `pod<uid>`, with dashes: a UUID, or the 32 digits of the hash that kubelet makes of a static pod.
    private static func uid(_ text: Substring) -> String? {
        guard text.hasPrefix("pod") else { return nil }
        let uid = text.dropFirst("pod".count)
        let groups = uid.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "_" || $0 == "-" })
        guard [[8, 4, 4, 4, 12], [32]].contains(groups.map(\.utf8.count)),
            groups.allSatisfy({ $0.utf8.allSatisfy(isLowercaseHexDigit) })
        else { return nil }
        return groups.joined(separator: "-")
    }
}
