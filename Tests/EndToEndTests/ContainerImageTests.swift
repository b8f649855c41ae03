import Foundation
import Glibc
import TapioAgent
import TapioArchive
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("The container's image", .timeLimit(.minutes(10)))
    struct ContainerImageTests {
        private static let obstacle: String? =
            if ProcessInfo.processInfo.environment["CI"] == "true" {
                nil
            } else if access("/usr/bin/buildah", X_OK) != 0 || access("/usr/sbin/debootstrap", X_OK) != 0 {
                "no buildah and debootstrap: run .ci/packages test"
            } else {
                Podman.obstacle
            }

        @Test(
            "built and run: it sees the host and other containers, privileged and with four capabilities alone",
            .enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? ""))
        )
        func image() throws {
            // Containers mount it; the agent of a test before may have, but need not.
            if access("/sys/kernel/tracing/events", F_OK) != 0 {
                #expect(mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nil) == 0)
            }
            let podman = try Podman(parent: "/tapio-test-\(getpid())-image")
            let image = try podman.buildAgent()
            try checkContent(of: image, podman)
            let least = [
                "--cap-drop=ALL", "--cap-add=BPF,PERFMON,NET_ADMIN,DAC_READ_SEARCH",
                "--security-opt=seccomp=unconfined", "--security-opt=no-new-privileges",
            ]
            for (name, privileges) in [("least", least), ("privileged", ["--privileged"])] {
                let agent = try AgentContainer(podman, image: image, name: name, privileges: privileges)
                let status = try agent.status()
                #expect(status.health.problems == [], "\(name)")
                let kept = Set(status.privileges?.kept ?? []).subtracting(["sys_admin"])
                #expect(kept == ["dac_read_search", "net_admin", "perfmon", "bpf"], "\(name)")
                #expect(status.privileges?.noNewPrivileges == true)
                try podman.podman(["healthcheck", "run", name])

                // Of the host, and of a container that is not its own.
                let mark = "\(name)-\(getpid())"
                let child = SpawnedProcess("/bin/true", ["true", "host-\(mark)"])
                child.wait()
                let other = try podman.run("busybox true other-\(mark)")

                // Its configuration is read again, for better and for worse.
                for (text, isApplied) in [
                    ("node: test\nbatch: {max_age: 1s}\n", true), ("batch: {max_aeg: 1s}\n", false),
                ] {
                    TestFile.write(agent.config, text)
                    try podman.podman(["kill", "--signal", "HUP", name])
                    #expect(agent.wait { $0.configuration.lastReload?.isApplied == isApplied }, "\(name): \(agent.log)")
                }
                #expect(try agent.stop() == "0", "\(agent.log)")

                let rows = try ArchiveRows(
                    agent.archive,
                    columns: ["kind", "args", "pid", "container_id", "container_runtime"],
                    scope: .sealed
                )
                let programs = rows.of("process_exec")
                let own = try #require(programs.first { $0.text("args")?.contains("host-\(mark)") == true })
                #expect(own.int("pid") == Int64(child.pid), "as the host counts")
                let others = programs.filter { $0.text("args") == "busybox true other-\(mark)" }
                #expect(others.map { $0.text("container_id") } == [other.id])
                #expect(others.first?.text("container_runtime") == "podman")
                #expect(try LedgerBooks(agent.archive).violations == [])
                let files = TestFile.find(agent.archive, suffix: ".parquet")
                #expect(!files.isEmpty)
                for file in files {
                    var facts = stat()
                    #expect(stat(file, &facts) == 0 && facts.st_mode & 0o777 == 0o640, "\(file)")
                }
            }
        }

        /// It holds the program, its libraries and certificates, all of root's, and no shell.
        private func checkContent(of image: String, _ podman: Podman) throws {
            let facts = try podman.podman(["inspect", image, "--format", "{{json .Config}} {{.Os}}"])
            for text in ["SIGTERM", "org.opencontainers.image.version", "/usr/local/bin/tapio", "/var/lib/tapio"] {
                #expect(facts.contains(text), "\(facts)")
            }
            let version = try podman.podman(["run", "--rm", "--cgroup-parent", podman.parent, image, "version"])
            #expect(version.contains("tapio"), "\(version)")
            try podman.podman(["create", "--name", "content", image])
            let tar = podman.place.file("content.tar")
            try podman.podman(["export", "-o", tar, "content"])
            let listing = try InteractiveProcess.run(["tar", "-tvf", tar]).split(separator: "\n")
            #expect(listing.allSatisfy { $0.split(separator: " ")[1] == "0/0" || $0.contains(" root/root ") })
            let names = listing.compactMap { $0.split(separator: " ").last.map(String.init) }
            #expect(names.contains { $0.hasSuffix("usr/local/bin/tapio") })
            #expect(names.contains { $0.hasSuffix("ca-certificates.crt") })
            #expect(!names.contains { $0.hasSuffix("/sh") || $0.hasSuffix("/bash") || $0.hasSuffix("/dpkg") })
            // Nothing that everybody may write, but links, which have no mode of their own.
            #expect(listing.filter { $0.first != "l" && Array($0)[8] == "w" } == [])
        }
    }
}
