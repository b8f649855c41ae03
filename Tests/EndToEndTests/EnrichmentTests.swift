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

        @Test(
            "what was found out too late for an event stands in the table beside the archive, and SQL joins it",
            .enabled(
                if: OtherReadersTests.isThere || OtherReadersTests.isRequired,
                "no Python environment: run .ci/python-venv, or set TAPIO_TEST_VENV"
            )
        )
        func lateFacts() throws {
            let group = try #require(PodCgroup())
            let agent = try AgentProcess()
            // All within milliseconds: whoever finds out comes too late.
            let inside = SpawnedProcess(
                "/bin/sh",
                ["sh", "-c", "\(group.enter); /bin/true; /bin/true; exec /bin/true"]
            )
            #expect(inside.wait() == .exited(0))
            usleep(200_000)
            #expect(agent.stop().ending == .exited(0))
            let script = """
                import duckdb, sys
                root, cgroup = sys.argv[1:]
                print(*duckdb.sql(f\"\"\"
                    select count(*), count(e.container_id), count(coalesce(e.container_id, c.container_id)),
                        min(coalesce(e.container_id, c.container_id)), min(c.pod_uid), min(c.cgroup_path)
                    from read_parquet('{root}/**/*.parquet') e
                    asof left join read_parquet('{root}/_dimensions/container/**/*.pq') c
                        on e.cgroup_id = c.cgroup_id and e.ts >= c.valid_from
                    where e.kind = 'process_exec' and e.cgroup_id = {cgroup}\"\"\").fetchall()[0])
                """
            let answer = try InteractiveProcess.run([
                OtherReadersTests.python, "-c", script, agent.archive, "\(group.id)",
            ]).split(separator: " ").map(String.init)
            try #require(answer.count == 6, "\(answer)")
            #expect(answer[0] == "3" && answer[2] == "3" && Int(answer[1])! < 3)
            #expect(answer[3] == group.containerID && answer[4] == group.uid)
            #expect(group.path.hasSuffix(answer[5]))
        }

        @Test("processes that lived for a millisecond in fresh containers are found with them by tapio query")
        func shortLives() throws {
            let groups = (0..<20).compactMap { _ in PodCgroup() }
            try #require(groups.count == 20)
            let agent = try AgentProcess()
            var pids: [pid_t] = []
            for group in groups {
                let inside = SpawnedProcess("/bin/sh", ["sh", "-c", "\(group.enter); exec /bin/true"])
                #expect(inside.wait() == .exited(0))
                pids.append(inside.pid)
            }
            usleep(200_000)
            #expect(agent.stop().ending == .exited(0))
            let written = try ArchiveRows(agent.archive, columns: Self.columns).of("process_exec")
            let mine = groups.compactMap { group in written.first { $0.int("cgroup_id") == Int64(group.id) } }
            let late = mine.filter { $0.text("container_status") == "late" && $0.text("container_id") == nil }
            try #require(mine.count == 20 && !late.isEmpty)

            func ask(_ arguments: [String]) throws -> [String] {
                let answer = try TapioProgram.run(["query", "--archive", agent.archive] + arguments)
                #expect(answer.exitCode == 0, "\(answer.errors)")
                return answer.output.split(whereSeparator: \.isNewline).map(String.init)
            }
            let ids = groups.map { "\"\($0.containerID)\"" }.joined(separator: ", ")
            let filter = "kind = process_exec and container_id in (\(ids))"
            let fields = ["--json", "--select", "pid,container_id,pod_uid"]
            let expected = zip(pids, groups).map { pid, group in
                "{\"pid\":\(pid),\"container_id\":\"\(group.containerID)\",\"pod_uid\":\"\(group.uid)\"}"
            }
            #expect(try Set(ask([filter] + fields)) == Set(expected))
            #expect(try ask([filter, "--no-join"] + fields).count == 20 - late.count)
            // A group sees it as well, and a column that is null keeps its place.
            let first = try #require(groups.first { Int64($0.id) == late[0].int("cgroup_id") })
            #expect(
                try ask(["kind = process_exec and cgroup_id = \(first.id)", "--by", "pod_uid", "--csv"])
                    == ["pod_uid,count", "\(first.uid),1"]
            )
            #expect(
                try ask(["pod_uid = \(first.uid) and kind = process_exec", "--csv", "--select", "comm,unit,pod_uid"])
                    == ["comm,unit,pod_uid", "true,,\(first.uid)"]
            )
        }

        /// What a process has in memory, bytes.
        private func resident(_ pid: pid_t) -> Int64 {
            let fields = String(decoding: TestFile.read("/proc/\(pid)/statm") ?? [], as: UTF8.self).split(
                separator: " "
            )
            return fields.count > 1 ? Int64(fields[1])! * Int64(getpagesize()) : 0
        }

        @Test(
            "5,000 short processes, 200 cgroups: each event has its container or a reason, and memory stays as it was"
        )
        func churn() throws {
            let agent = try AgentProcess()
            var ids: Set<Int64> = []
            var residents: [Int64] = []
            for round in 0..<200 {
                if round % 50 == 0 { residents.append(resident(agent.pid)) }
                guard let group = PodCgroup() else { continue }
                ids.insert(Int64(group.id))
                let process = SpawnedProcess(
                    "/bin/sh",
                    ["sh", "-c", "\(group.enter); i=0; while [ $i -lt 25 ]; do /bin/true; i=$((i+1)); done"]
                )
                #expect(process.wait() == .exited(0))
            }
            #expect(ids.count == 200)
            residents.append(resident(agent.pid))
            // The first hundred fill pools, caches, and a file of the table of processes.
            #expect(residents[2] > 0 && residents[4] - residents[2] < 16 << 20, "\(residents)")
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: Self.columns).of("process_exec")
            let mine = rows.filter { ids.contains($0.int("cgroup_id") ?? 0) }
            #expect(mine.count == 5000)
            let reasons = Set(mine.map { $0.text("container_status") ?? "none" })
            #expect(reasons.isSubset(of: ["hit", "late", "expired"]))
            #expect(mine.allSatisfy { ($0.text("container_status") == "hit") == ($0.text("container_id") != nil) })
            #expect(mine.contains { $0.text("container_status") == "hit" })
            #expect(try LedgerBooks(agent.archive).violations == [])
        }
    }
}
