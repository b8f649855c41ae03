import Foundation
import Glibc
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Real containers", .timeLimit(.minutes(5)))
    struct ContainerTests {
        private static let columns = [
            "kind", "comm", "args", "cgroup_id", "container_id", "container_runtime", "container_status", "pod_uid",
            "cwd",
            "target_cgroup_id", "cgroup_path", "processes_ended", "processes_failed", "exit_code", "signal",
            "duration_ns",
        ]
        private static let obstacle: String? =
            ProcessInfo.processInfo.environment["CI"] == "true" ? nil : Podman.obstacle

        @Test(
            "podman: its container's processes, beginning and end are told, with id and runtime",
            .enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? ""))
        )
        func podman() throws {
            let podman = try Podman(parent: "/tapio-test-\(getpid())-podman")
            let agent = try AgentProcess()
            let container = try podman.run("cd /bin; busybox sleep 1; busybox true; exit 7")
            #expect(container.exitCode == 7 && container.id.count == 64)
            #expect(agent.stop().ending == .exited(0))

            let all = try ArchiveRows(agent.archive, columns: Self.columns)
            let programs = all.of("process_exec").filter { $0.text("container_id") == container.id }
            let last = try #require(programs.last { $0.text("args") == "busybox true" })
            #expect(last.text("container_status") == "hit")
            #expect(last.text("container_runtime") == "podman" && last.text("pod_uid") == nil)
            #expect(last.text("cwd") == "/bin", "as the container calls it")
            func isOfContainer(_ row: ArchiveRows.Row) -> Bool {
                row.int("target_cgroup_id") == last.int("cgroup_id")
                    && row.text("cgroup_path")?.hasSuffix("/libpod-" + container.id) == true
            }
            #expect(all.of("cgroup_create").filter(isOfContainer).count == 1)
            let removed = try #require(all.of("cgroup_remove").first(where: isOfContainer))
            #expect(removed.int("exit_code") == 7 && removed.int("signal") == nil)
            #expect(removed.int("processes_ended") ?? 0 >= 3 && removed.int("processes_failed") ?? 0 >= 1)
            #expect(removed.int("duration_ns") ?? 0 > 1_000_000_000)
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test(
            "a container below a pod's cgroup, as kubelet has them made, has the pod's UID",
            .enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? ""))
        )
        func pod() throws {
            let uid = "0f1e2d3c-4b5a-4697-8877-\(String(format: "%012x", getpid()))"
            let podman = try Podman(parent: "/kubepods/burstable/pod\(uid)")
            let agent = try AgentProcess()
            let container = try podman.run("busybox sleep 1; busybox true; busybox sh -c 'kill -9 $$'; exit 5")
            #expect(container.exitCode == 5)
            #expect(agent.stop().ending == .exited(0))
            let all = try ArchiveRows(agent.archive, columns: Self.columns)
            let last = try #require(all.of("process_exec").last { $0.text("container_id") == container.id })
            #expect(last.text("args") == "busybox sh -c 'kill -9 $$'" && last.text("pod_uid") == uid)
            let removed = try #require(
                all.of("cgroup_remove").first { $0.int("target_cgroup_id") == last.int("cgroup_id") }
            )
            #expect(removed.int("exit_code") == 5 && removed.int("processes_failed") ?? 0 >= 2)
        }
    }
}
