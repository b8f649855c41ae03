/// Whose a cgroup is, as its path tells: a container's, a pod's, or a systemd unit's.
///
/// Pure: nothing is read. A path that is no runtime's, kubelet's or systemd's gives nothing, and one that only resembles
/// theirs (an id of another length, a UID that is none) gives nothing of what it resembles.
///
/// | who made the path | shape |
/// |---|---|
/// | docker, cgroupfs driver | `/docker/<id>` |
/// | docker, systemd driver | `…/docker-<id>.scope` |
/// | containerd without a parent (ctr, nerdctl) | `/<namespace>/<id>`, `…/nerdctl-<id>.scope` |
/// | containerd's CRI plugin, systemd driver | `…/cri-containerd-<id>.scope` |
/// | runc given a systemd path with the cgroupfs driver | `…/<slice>:cri-containerd:<id>` |
/// | CRI-O | `…/crio-<id>.scope`, `…/crio-<id>` |
/// | podman | `…/libpod-<id>.scope`, `/libpod_parent/libpod-<id>`, either with `/container` below (crun) |
/// | kubelet, cgroupfs driver | `/kubepods[/burstable or /besteffort]/pod<uid>`, containers below by their bare id |
/// | kubelet, systemd driver | `…/kubepods[-burstable or -besteffort]-pod<uid, _ for ->.slice` |
/// | kubelet with a root of its own (kind) | `/kubelet/kubepods/…`, `/kubelet.slice/kubelet-kubepods….slice` |
/// | systemd | `…/<name>.service`, `.scope`, `.socket`, `.mount`, `.swap` |
///
/// Cgroups below a container's belong to it, unless a container of their own is there: the deepest one counts.
public struct ContainerIdentity: Sendable, Hashable {
    /// The program that made the container.
    public enum Runtime: String, Sendable, CaseIterable {
        /// Docker Engine.
        case docker
        /// containerd: its CRI plugin, ctr, nerdctl.
        case containerd
        /// CRI-O.
        case crio = "cri-o"
        /// Podman.
        case podman
    }

    /// Kubernetes' quality of service, which decides the pod's place in the tree.
    public enum QoSClass: String, Sendable, CaseIterable {
        /// Limits equal requests, for all containers.
        case guaranteed
        /// Some request or limit.
        case burstable
        /// No request, no limit.
        case bestEffort = "besteffort"
    }

    /// Who runs the container; nil where there is none, and where the path doesn't say: kubelet's cgroupfs driver puts
    /// bare ids below the pod's cgroup.
    public private(set) var runtime: Runtime?
    /// The container's id: 64 lowercase hexadecimal digits, or what its user called it below containerd's `/default`
    /// (at most 76 bytes). Nil for a pod's own cgroup, and a unit's.
    public private(set) var containerID: String?
    /// The UID of the pod that it belongs to, as the API server knows it: a UUID with dashes, or 32 hexadecimal digits
    /// for a static pod.
    public private(set) var podUID: String?
    /// The pod's quality of service; there exactly where `podUID` is.
    public private(set) var qosClass: QoSClass?
    /// The systemd unit, with its suffix, where it is neither a container's nor a pod's. The innermost one: for what a
    /// user's own systemd started, that user's unit. Slices only group, and are none.
    public private(set) var unit: String?

    /// The most bytes of a path; longer ones give nothing.
    public static let longestPath = 4096
    /// The most bytes of one name in it: the kernel's bound.
    static let longestName = 255

    /// What the path of a cgroup tells, or nil where it tells nothing.
    ///
    /// - Parameter path: From the root of its hierarchy, with or without the leading slash. ` (deleted)` at its end, as
    ///   the kernel shows a removed one, is ignored. A path with empty, `.` or `..` parts gives nil: it is seen from
    ///   within another cgroup namespace, or made up.
    public init?(cgroupPath path: some StringProtocol) {
        guard path.utf8.count <= Self.longestPath, !path.utf8.contains(0) else { return nil }
        var text = Substring(path)
        if text.hasSuffix(" (deleted)") { text.removeLast(" (deleted)".utf8.count) }
        if text.hasPrefix("/") { text.removeFirst() }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        for part in parts where part.isEmpty || part == "." || part == ".." || part.utf8.count > Self.longestName {
            return nil
        }
        for index in parts.indices { descend(to: parts, index) }
        if self == ContainerIdentity() { return nil }
    }

    /// Likewise, for bytes that nobody has checked: nil where they are not UTF-8.
    public init?(cgroupPathBytes bytes: some Collection<UInt8>) {
        guard bytes.count <= Self.longestPath, let path = String(validating: bytes, as: UTF8.self) else { return nil }
        self.init(cgroupPath: path)
    }

    /// What the text of `/proc/<pid>/cgroup` tells: of its hierarchies, that which names a container, else a pod, else a
    /// unit. At most 64 lines count.
    ///
    /// - Parameter text: Lines of `<hierarchy>:<controllers>:<path>`; the path may hold further colons.
    public init?(procCgroup text: some StringProtocol) {
        let found = text.split(separator: "\n", maxSplits: 64).prefix(64).compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            return fields.count == 3 ? ContainerIdentity(cgroupPath: fields[2]) : nil
        }
        guard
            let best = found.first(where: { $0.containerID != nil }) ?? found.first(where: { $0.podUID != nil })
                ?? found.first
        else { return nil }
        self = best
    }

    private init() {}

    /// Goes one part down: what is found there counts more than what was found above.
    private mutating func descend(to parts: [Substring], _ index: Int) {
        let parents = parts[..<index]
        let name = parts[index]
        if let pod = PodCgroup(name, parents: parents) {
            self = ContainerIdentity()
            (podUID, qosClass) = (pod.uid, pod.qosClass)
            if let inner = pod.container { enter(inner) }
        } else if let container = ContainerCgroup(name, parents: parents) {
            enter(container)
        } else if containerID == nil && podUID == nil, let found = Self.unit(name) {
            unit = found
        }
    }

    /// A container inside another's pod (docker in a pod) still belongs to that pod.
    private mutating func enter(_ container: ContainerCgroup) {
        (runtime, containerID, unit) = (container.runtime, container.id, nil)
    }

    /// The name of a unit that has processes of its own. systemd puts `_` before a name that the kernel would take for a
    /// file of its own (`cg_escape`).
    private static func unit(_ name: Substring) -> String? {
        let name = name.hasPrefix("_") ? name.dropFirst() : name
        guard [".service", ".scope", ".socket", ".mount", ".swap"].contains(where: name.hasSuffix),
            !name.hasPrefix("."), name.utf8.allSatisfy(isUnitByte)
        else { return nil }
        return String(name)
    }

    /// The bytes that systemd allows in the name of a unit.
    private static func isUnitByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: ":-_.\\@".utf8.contains(byte)
        }
    }
}
