import Foundation
import Glibc
import TapioAgent
import TapioTestSupport
import Testing

/// The agent's image, as deploy/container/Containerfile makes it from this build's program and Debian's smallest system.
extension Podman {
    private static let root = String(#filePath.prefix(upTo: #filePath.range(of: "/Tests/")!.lowerBound))

    /// Builds it; gives its name.
    func buildAgent() throws -> String {
        let base = try InteractiveProcess.run([Self.root + "/.ci/container-base"])
        let baseName = "localhost/tapio-base-\(getpid()):latest"
        _ = try podman(["import", "-q", base, baseName])
        // The context: what a release's would be, with the libraries that the base does not have.
        let context = place.file("context")
        let script = """
            mkdir -p "$1/deploy/container" "$1/prebuilt/lib"
            cp "$2/deploy/container/collect" "$1/deploy/container/"
            cp "$3" "$1/prebuilt/tapio"
            ldd "$3" | awk '$3 ~ "^/" && $3 !~ "^(/usr)?/lib" {print $3}' | while read -r library; do
                cp -L "$library" "$1/prebuilt/lib/"
            done
            """
        _ = try InteractiveProcess.run(["sh", "-ec", script, "sh", context, Self.root, TapioProgram.path])
        let image = "localhost/tapio-\(getpid()):latest"
        let child = try ChildProcess(
            "/usr/bin/buildah",
            ["--root", place.file("storage"), "--runroot", place.file("run"), "--storage-driver", "vfs"]
                + [
                    "bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "-q", "-f",
                    Self.root + "/deploy/container/Containerfile", "--build-arg", "BUILD_IMAGE=\(baseName)",
                    "--build-arg", "PROGRAM=prebuilt", "-t", image, context,
                ],
            environment: environment,
            directory: place
        )
        guard child.wait() == .exited(0) else { throw AgentFailure("buildah: \(child.output) \(child.errors)") }
        return image
    }
}

/// An agent in a container that runs until it is stopped. Its archive and socket are in a directory of its own.
struct AgentContainer {
    let podman: Podman
    let name: String
    let files: TemporaryDirectory

    var archive: String { files.file("archive") }
    var config: String { files.file("etc/tapio.yaml") }

    /// Starts it with these privileges and waits until its collectors run.
    init(_ podman: Podman, image: String, name: String, privileges: [String]) throws {
        self.podman = podman
        self.name = name
        files = TemporaryDirectory()
        for directory in ["archive", "run", "etc"] { mkdir(files.file(directory), 0o750) }
        TestFile.write(config, "archive: {retention: {min_free_percent: 0}}\nnode: test\n")
        let arguments =
            ["run", "-d", "--name", name, "--cgroup-parent", podman.parent, "--pid=host", "--read-only"] + privileges
            + [
                "-v", "\(archive):/var/lib/tapio", "-v", "\(files.file("run")):/run/tapio", "-v",
                "\(files.file("etc")):/etc/tapio:ro", "-v", "/sys/kernel/tracing:/sys/kernel/tracing:ro", "-v",
                "/sys/fs/cgroup:/sys/fs/cgroup:ro", image,
            ]
        try podman.podman(arguments)
        let isReady = wait { status in
            status.collectors.allSatisfy { ["running", "disabled", "unavailable"].contains($0.state) }
        }
        if !isReady { throw AgentFailure("the agent in \(name) does not run: \(log)") }
    }

    var log: String { (try? podman.podman(["logs", name])) ?? "" }

    func status() throws -> StatusReport { try ControlClient(path: files.file("run/tapio.sock")).status() }

    func wait(until condition: (StatusReport) -> Bool) -> Bool {
        let deadline = Deadline(seconds: 60)
        while !deadline.isOver {
            if let status = try? status(), condition(status) { return true }
            usleep(50_000)
        }
        return false
    }

    /// Stops it as its image says, and gives its exit code.
    func stop() throws -> String {
        try podman.podman(["stop", "-t", "60", name])
        return try podman.podman(["inspect", name, "--format", "{{.State.ExitCode}}"]).trimmingPrefix(" ")
            .split(separator: "\n").joined()
    }
}
