import Testing

@testable import TapioEnrichment

@Suite("ContainerIdentity")
struct ContainerIdentityTests {
    /// A path, and what it tells.
    struct Case: CustomTestStringConvertible, Sendable {
        var path: String
        var runtime: ContainerIdentity.Runtime?
        var id: String?
        var pod: String?
        var qos: ContainerIdentity.QoSClass?
        var unit: String?
        var testDescription: String { path }
    }

    private static let id = String(repeating: "0123456789abcdef", count: 4)
    private static let other = String(repeating: "fedcba9876543210", count: 4)
    private static let uid = "66efc5b1-062f-4ac9-b1be-622691f90ca6"
    private static let escaped = "66efc5b1_062f_4ac9_b1be_622691f90ca6"
    private static let staticUID = "0123456789abcdef0123456789abcdef"
    private static let slices = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(escaped).slice"

    static let containers: [Case] = [
        // Without Kubernetes.
        Case(path: "/docker/\(id)", runtime: .docker, id: id),
        Case(path: "docker/\(id)", runtime: .docker, id: id),
        Case(path: "/system.slice/docker-\(id).scope", runtime: .docker, id: id),
        Case(path: "/system.slice:docker:\(id)", runtime: .docker, id: id),
        Case(
            path: "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(id).scope",
            runtime: .docker,
            id: id
        ),
        Case(path: "/default/\(id)", runtime: .containerd, id: id),
        Case(path: "/default/my-redis.1", runtime: .containerd, id: "my-redis.1"),
        Case(path: "/k8s.io/\(id)", runtime: .containerd, id: id),
        Case(path: "/moby/\(id)", runtime: .docker, id: id),
        Case(path: "/system.slice/nerdctl-\(id).scope", runtime: .containerd, id: id),
        Case(path: "/machine.slice/libpod-\(id).scope", runtime: .podman, id: id),
        Case(path: "/machine.slice/libpod-\(id).scope/container", runtime: .podman, id: id),
        Case(path: "/libpod_parent/libpod-\(id)", runtime: .podman, id: id),
        Case(path: "/machine.slice/machine-libpod_pod_\(other).slice/libpod-\(id).scope", runtime: .podman, id: id),

        // Kubernetes, cgroupfs driver.
        Case(path: "/kubepods/burstable/pod\(uid)/\(id)", id: id, pod: uid, qos: .burstable),
        Case(path: "/kubepods/besteffort/pod\(uid)/\(id)", id: id, pod: uid, qos: .bestEffort),
        Case(path: "/kubepods/pod\(uid)/\(id)", id: id, pod: uid, qos: .guaranteed),
        Case(path: "/kubepods/burstable/pod\(staticUID)/\(id)", id: id, pod: staticUID, qos: .burstable),
        Case(path: "/kubepods/burstable/pod\(uid)/crio-\(id)", runtime: .crio, id: id, pod: uid, qos: .burstable),
        Case(path: "/kubelet/kubepods/pod\(uid)/\(id)", id: id, pod: uid, qos: .guaranteed),

        // Kubernetes, systemd driver.
        Case(path: "\(slices)/cri-containerd-\(id).scope", runtime: .containerd, id: id, pod: uid, qos: .burstable),
        Case(path: "\(slices)/crio-\(id).scope", runtime: .crio, id: id, pod: uid, qos: .burstable),
        Case(path: "\(slices)/crio-\(id).scope/container", runtime: .crio, id: id, pod: uid, qos: .burstable),
        Case(path: "\(slices)/docker-\(id).scope", runtime: .docker, id: id, pod: uid, qos: .burstable),
        Case(
            path: "/kubepods.slice/kubepods-pod\(escaped).slice/cri-containerd-\(id).scope",
            runtime: .containerd,
            id: id,
            pod: uid,
            qos: .guaranteed
        ),
        Case(
            path:
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(staticUID).slice/docker-\(id).scope",
            runtime: .docker,
            id: id,
            pod: staticUID,
            qos: .bestEffort
        ),
        Case(
            path: "/system.slice/containerd.service/kubepods-burstable-pod\(escaped).slice:cri-containerd:\(id)",
            runtime: .containerd,
            id: id,
            pod: uid,
            qos: .burstable
        ),
        Case(
            path: "/kubepods-besteffort-pod\(escaped).slice:cri-containerd:\(id)",
            runtime: .containerd,
            id: id,
            pod: uid,
            qos: .bestEffort
        ),

        // One in another: the deepest counts.
        Case(
            path: "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
                + "kubelet-kubepods-burstable-pod\(escaped).slice/cri-containerd-\(id).scope",
            runtime: .containerd,
            id: id,
            pod: uid,
            qos: .burstable
        ),
        Case(
            path: "/docker/\(other)/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod\(escaped).slice/"
                + "cri-containerd-\(id).scope",
            runtime: .containerd,
            id: id,
            pod: uid,
            qos: .guaranteed
        ),
        Case(
            path: "/docker/\(other)/kubelet/kubepods/besteffort/pod\(uid)/\(id)",
            id: id,
            pod: uid,
            qos: .bestEffort
        ),
        Case(path: "/docker/\(other)/docker/\(id)", runtime: .docker, id: id),
        Case(
            path: "\(slices)/cri-containerd-\(other).scope/docker/\(id)",
            runtime: .docker,
            id: id,
            pod: uid,
            qos: .burstable
        ),

        // Below a container: it is still that container.
        Case(path: "/docker/\(id)/init", runtime: .docker, id: id),
        Case(path: "/docker/\(id)/system.slice/nginx.service", runtime: .docker, id: id),
        Case(path: "/docker/\(id)/default/worker", runtime: .docker, id: id),
        Case(path: "/docker/\(id)/\(other)", runtime: .docker, id: id),
        Case(
            path: "\(slices)/cri-containerd-\(id).scope/user.slice/x.scope",
            runtime: .containerd,
            id: id,
            pod: uid,
            qos: .burstable
        ),
        Case(path: "/docker/\(id) (deleted)", runtime: .docker, id: id),
    ]

    static let others: [Case] = [
        // A pod's own cgroup, and what is in it without being a container's.
        Case(path: "/kubepods/burstable/pod\(uid)", pod: uid, qos: .burstable),
        Case(path: slices, pod: uid, qos: .burstable),
        Case(path: "\(slices)/crio-conmon-\(id).scope", pod: uid, qos: .burstable),
        Case(path: "/kubepods/burstable/pod\(uid)/\(id)0", pod: uid, qos: .burstable),
        // Units.
        Case(path: "/system.slice/nginx.service", unit: "nginx.service"),
        Case(path: "/system.slice/system-getty.slice/getty@tty1.service", unit: "getty@tty1.service"),
        Case(path: "/user.slice/user-1000.slice/session-3.scope", unit: "session-3.scope"),
        Case(
            path: "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
            unit: "foo.service"
        ),
        Case(path: "/user.slice/user-1000.slice/user@1000.service/init.scope", unit: "init.scope"),
        Case(path: "/system.slice/foo.service/payload", unit: "foo.service"),
        Case(path: "/system.slice/containerd.service", unit: "containerd.service"),
        Case(path: "/system.slice/dev-hugepages.mount", unit: "dev-hugepages.mount"),
        Case(path: "/system.slice/_cgroup.service", unit: "cgroup.service"),
        Case(path: "/init.scope", unit: "init.scope"),
        Case(path: "/machine.slice/libpod-conmon-\(id).scope", unit: "libpod-conmon-\(id).scope"),
    ]

    @Test("a path tells the container, the pod and the unit", arguments: containers + others)
    func paths(of expected: Case) throws {
        let found = try #require(ContainerIdentity(cgroupPath: expected.path))
        #expect(found.runtime == expected.runtime)
        #expect(found.containerID == expected.id)
        #expect(found.podUID == expected.pod)
        #expect(found.qosClass == expected.qos)
        #expect(found.unit == expected.unit)
        #expect(ContainerIdentity(cgroupPathBytes: Array(expected.path.utf8)) == found)
    }

    @Test(
        "a path that only resembles one tells nothing",
        arguments: [
            "", "/", "//", "/user.slice", "/kubepods", "/kubepods.slice/kubepods-burstable.slice", "/docker",
            // Ids of the wrong length or alphabet, alone or with a known prefix.
            "/docker/\(id.dropLast())", "/docker/\(id)0", "/docker/\(id.uppercased())", "/docker/\(id.dropLast())g",
            "/\(id)", "/somewhere/\(id)", "/libpod_parent/libpod-\(id)0", "/libpod_parent/conmon",
            "/system.slice:docker:\(id)0", "/system.slice:what:\(id)", "/system.slice:docker:\(id):x",
            "/default/-x", "/default/a..b", "/default/ä", "/default/\(String(repeating: "a", count: 77))",
            // UIDs that are none, and pods in the wrong place.
            "/kubepods/burstable/pod\(uid.dropLast())/\(id)", "/kubepods/burstable/podx/\(id)",
            "/kubepods/burstable/pod/\(id)", "/burstable/pod\(uid)/\(id)", "/kubepods/other/pod\(uid)/\(id)",
            "/kubepods-other-pod\(escaped).slice", "/xkubepods-pod\(escaped).slice",
            "/kubepods-burstable-pod\(escaped).slice:cri-containerd:\(id.dropLast())",
            // Seen from another namespace, or made up.
            "/../docker/\(id)", "/docker/../docker/\(id)", "/./docker/\(id)", "//docker/\(id)", "/docker/\(id)/",
            "/docker/\(id)/..", "/docker/\(id)\0", "/system.slice/.service", "/system.slice/a b.service",
            "/docker/\(id)/\(String(repeating: "x", count: 256))",
            "/docker/\(id)\(String(repeating: "/x", count: 2100))",
        ]
    )
    func nonsense(path: String) {
        #expect(ContainerIdentity(cgroupPath: path) == nil)
        #expect(ContainerIdentity(cgroupPathBytes: Array(path.utf8)) == nil)
    }

    @Test(
        "bytes that are not UTF-8 tell nothing",
        arguments: [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80]] as [[UInt8]]
    )
    func notText(bytes: [UInt8]) {
        #expect(ContainerIdentity(cgroupPathBytes: Array("/docker/\(Self.id)/".utf8) + bytes) == nil)
    }

    @Test("random paths made of the parts of real ones never trap")
    func randomPaths() {
        let parts = [
            "/", "..", "pod", "kubepods", ".slice", "-", "_", ":", "docker", "cri-containerd", Self.id, Self.uid,
            Self.escaped, ".scope", "burstable", "default", "ä", "\u{1F4A5}", " (deleted)", "\0",
        ]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let path = (0..<Int.random(in: 0...12, using: &random)).map { _ in parts.randomElement(using: &random)! }
            guard let found = ContainerIdentity(cgroupPath: path.joined()) else { continue }
            #expect((found.podUID == nil) == (found.qosClass == nil))
            #expect(found.containerID != nil || found.podUID != nil || found.unit != nil)
            if let unit = found.unit { #expect(unit.utf8.count <= 255) }
        }
    }

    @Test("of a process's hierarchies, that with the container counts")
    func procCgroup() throws {
        let hybrid = """
            12:pids:/system.slice/containerd.service
            3:cpu,cpuacct:/system.slice/containerd.service/kubepods-pod\(Self.escaped).slice:cri-containerd:\(Self.id)
            1:name=systemd:/system.slice/containerd.service
            0::/system.slice/containerd.service

            """
        let found = try #require(ContainerIdentity(procCgroup: hybrid))
        #expect(found.containerID == Self.id)
        #expect(found.podUID == Self.uid)
        #expect(ContainerIdentity(procCgroup: "0::/system.slice/cron.service\n")?.unit == "cron.service")
        #expect(ContainerIdentity(procCgroup: "0::/\n") == nil)
        #expect(ContainerIdentity(procCgroup: "docker/\(Self.id)") == nil)
        #expect(ContainerIdentity(procCgroup: "") == nil)
    }
}
