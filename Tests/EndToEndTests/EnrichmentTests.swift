import Glibc
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Whose events are")
    struct EnrichmentTests {
        private static let columns = [
            "kind", "pid", "ppid", "comm", "cgroup_id", "container_id", "container_runtime", "container_status",
            "pod_uid",
            "pod", "pod_status", "unit", "weight",
        ]

        @Test("a container's processes have its id and pod; the first are late, those outside have none")
        func container() throws {
            let group = try #require(PodCgroup())
            let agent = try AgentProcess()
            let inside = SpawnedProcess(
                "/bin/sh",
                ["sh", "-c", "\(group.enter); /bin/true; sleep 1; /bin/true; /bin/true"]
            )
            #expect(inside.wait() == .exited(0))
            let outside = SpawnedProcess("/bin/true", ["true"])
            #expect(outside.wait() == .exited(0))
            #expect(agent.stop().ending == .exited(0))

            let rows = try ArchiveRows(agent.archive, columns: Self.columns).of("process_exec")
            let mine = rows.filter { $0.int("cgroup_id") == Int64(group.id) }
            // true, sleep, true, true: what came before the resolver's answer is late, and says so.
            #expect(mine.count == 4)
            let known = mine.filter { $0.text("container_status") == "hit" }
            #expect(known.count >= 2)
            for row in known {
                #expect(row.text("container_id") == group.containerID && row.text("pod_uid") == group.uid)
                #expect(row.text("pod_status") == "disabled" && row.text("pod") == nil)
            }
            for row in mine where row.text("container_status") != "hit" {
                #expect(row.text("container_status") == "late" && row.text("container_id") == nil)
            }
            let host = try #require(rows.first { $0.int("pid") == Int64(outside.pid) })
            #expect(["absent", "late"].contains(host.text("container_status")))
            #expect(host.text("container_id") == nil)
        }

        @Test("many short processes and cgroups: each event has its container or a reason, and memory comes back")
        func churn() throws {
            let agent = try AgentProcess()
            var ids: Set<Int64> = []
            for _ in 0..<200 {
                guard let group = PodCgroup() else { continue }
                ids.insert(Int64(group.id))
                let process = SpawnedProcess(
                    "/bin/sh",
                    ["sh", "-c", "\(group.enter); i=0; while [ $i -lt 12 ]; do /bin/true; i=$((i+1)); done"]
                )
                #expect(process.wait() == .exited(0))
            }
            #expect(ids.count == 200)
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: Self.columns).of("process_exec")
            let mine = rows.filter { ids.contains($0.int("cgroup_id") ?? 0) }
            #expect(mine.count == 2400)
            let reasons = Set(mine.map { $0.text("container_status") ?? "none" })
            #expect(reasons.isSubset(of: ["hit", "late", "expired"]))
            #expect(mine.allSatisfy { ($0.text("container_status") == "hit") == ($0.text("container_id") != nil) })
            #expect(mine.contains { $0.text("container_status") == "hit" })
            #expect(try LedgerBooks(agent.archive).violations == [])
        }
    }
}
