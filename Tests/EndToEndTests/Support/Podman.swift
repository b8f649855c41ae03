import Foundation
import Glibc
import TapioTestSupport
import Testing

/// Real containers by podman, of an image that holds nothing but busybox, in a cgroup of the test's own. All of it is gone
/// with the object.
final class Podman {
    /// A container that has run to its end.
    struct Container {
        /// Its full id.
        let id: String
        /// What it printed.
        let output: String
        /// How it ended, as podman says.
        let exitCode: Int32
    }

    /// Why containers cannot be made here; nil where they can.
    static var obstacle: String? {
        let isThere = ["/usr/bin/podman", "/bin/busybox"].allSatisfy { (path: String) in access(path, X_OK) == 0 }
        return isThere ? nil : "no podman and busybox: run .ci/packages test"
    }

    let place = TemporaryDirectory()
    let parent: String
    private let image: String

    /// Prepares the image.
    ///
    /// - Parameter parent: The cgroup below which containers are made, from the root.
    init(parent: String) throws {
        self.parent = parent
        image = "tapio-test-\(getpid()):latest"
        // What works where the kernel has both versions of cgroups and nobody runs systemd.
        TestFile.write(
            place.file("containers.conf"),
            """
            [containers]
            netns = "none"
            default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
            [engine]
            cgroup_manager = "cgroupfs"
            runtime = "runc"
            events_logger = "file"
            """
        )
        mkdir(place.file("image"), 0o755)
        mkdir(place.file("image/bin"), 0o755)
        TestFile.write(place.file("image/bin/busybox"), try #require(TestFile.read("/bin/busybox")), mode: 0o755)
        _ = try InteractiveProcess.run(["tar", "-C", place.file("image"), "-cf", place.file("image.tar"), "."])
        _ = try podman(["import", "-q", place.file("image.tar"), image])
    }

    deinit {
        _ = try? podman(["rm", "-a", "-f", "-t", "0"])
        for controller in TestFile.list("/sys/fs/cgroup") + [""] {
            let root = "/sys/fs/cgroup/\(controller)"
            // Its monitors have cgroups there as well.
            CgroupDirectory.removeTree(root + parent)
            var path = parent
            while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
                path = String(path[..<slash])
                rmdir(root + path)
            }
        }
        _ = try? podman(["rmi", "-a", "-f"])
    }

    /// Runs a shell script in a container of its own, to its end.
    func run(_ script: String) throws -> Container {
        let file = place.file("id-\(UInt32.random(in: 0...(.max)))")
        let child = try ChildProcess(
            "/usr/bin/podman",
            storage + ["run", "--cidfile", file, "--cgroup-parent", parent, image, "/bin/busybox", "sh", "-c", script],
            environment: environment,
            directory: place
        )
        guard case .exited(let code) = child.wait() else { throw AgentFailure("podman was killed: \(child.errors)") }
        let id = String(decoding: TestFile.read(file) ?? [], as: UTF8.self)
        if id.isEmpty { throw AgentFailure("podman made no container: \(child.errors)") }
        return Container(id: id, output: child.output, exitCode: code)
    }

    var storage: [String] {
        [
            "--root", place.file("storage"), "--runroot", place.file("run"), "--storage-driver", "vfs", "--log-level",
            "error",
        ]
    }

    var environment: [String: String] {
        ["CONTAINERS_CONF": place.file("containers.conf"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": place.path]
    }

    @discardableResult
    func podman(_ arguments: [String]) throws -> String {
        let child = try ChildProcess("/usr/bin/podman", storage + arguments, environment: environment, directory: place)
        let ending = child.wait()
        guard ending == .exited(0) else { throw AgentFailure("podman \(arguments[0]): \(ending), \(child.errors)") }
        return child.output
    }
}
