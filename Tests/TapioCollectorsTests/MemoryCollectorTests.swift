import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Memory")
    struct MemoryCollectorTests {
        private static let mebibyte = 1 << 20

        /// Moves into the cgroup, becomes python and runs a script there.
        private func python(in group: MemoryCgroup, _ script: String) -> SpawnedProcess {
            SpawnedProcess("/bin/sh", ["sh", "-c", "\(group.enter) && exec python3 -c '\(script)'"])
        }

        @Test("a process that is killed at its cgroup's limit: victim, sizes, limit, and who asked for memory")
        func oomKill() async throws {
            let group = try #require(MemoryCgroup(limitBytes: 32 * Self.mebibyte))
            let watch = try await CollectorWatch(MemoryCollector.descriptor)
            let child = python(
                in: group,
                "open(\"/proc/self/oom_score_adj\", \"w\").write(\"77\"); x = bytearray(128 << 20)"
            )
            #expect(child.wait() == .signalled(SIGKILL))
            let kill = try watch.event("oom_kill") { $0.number("pid") == Int64(child.pid) }
            #expect(kill.string("comm") == "python3")
            #expect(kill.number("ppid") == Int64(getpid()))
            #expect(kill.number("uid") == Int64(getuid()))
            #expect(kill.number("cgroup_id") == Int64(group.id))
            #expect(kill.number("full_cgroup_id") == Int64(group.id))
            #expect(kill.number("limit_bytes") == Int64(group.limitBytes))
            let usage = try #require(kill.number("usage_bytes"))
            #expect((Int64(group.limitBytes) - 64 * 4096...Int64(group.limitBytes)).contains(usage))
            #expect(kill.number("trigger_pid") == Int64(child.pid))
            #expect(kill.string("trigger_comm") == "python3")
            #expect(kill.number("oom_score_adj") == 77)
            let anonymous = try #require(kill.number("anonymous_bytes"))
            #expect((16 * Int64(Self.mebibyte)...Int64(group.limitBytes)).contains(anonymous))
            #expect(try #require(kill.number("virtual_bytes")) > 128 * Int64(Self.mebibyte))
            #expect(try #require(kill.number("page_table_bytes")) > 0)
            #expect(kill.number("file_bytes") != nil && kill.number("shared_bytes") != nil)
            #expect(kill["start_ts"] != .null)
            await watch.collector.stop()
        }

        @Test("a limit further up is found, and one with room below it is not taken for the cause")
        func nested() async throws {
            let outer = try #require(MemoryCgroup(limitBytes: 32 * Self.mebibyte))
            let inner = outer.path + "/inner"
            #expect(mkdir(inner, 0o755) == 0)
            defer { CgroupDirectory.remove(inner) }
            let watch = try await CollectorWatch(MemoryCollector.descriptor)
            let script = "echo $$ > \(inner)/cgroup.procs && exec python3 -c 'x = bytearray(128 << 20)'"
            let child = SpawnedProcess("/bin/sh", ["sh", "-c", script])
            #expect(child.wait() == .signalled(SIGKILL))
            let kill = try watch.event("oom_kill") { $0.number("pid") == Int64(child.pid) }
            var status = stat()
            #expect(stat(inner, &status) == 0)
            #expect(kill.number("cgroup_id") == Int64(status.st_ino))
            #expect(kill.number("full_cgroup_id") == Int64(outer.id))
            #expect(kill.number("limit_bytes") == Int64(outer.limitBytes))
            await watch.collector.stop()
        }

        @Test("who is held up by reclaim in a cgroup, for how long, and what was found; what is shorter is filtered")
        func reclaim() async throws {
            let group = try #require(MemoryCgroup(limitBytes: 24 * Self.mebibyte))
            let directory = TemporaryDirectory()
            let file = directory.path + "/pages"
            var options = CollectorOptions()
            options[MemoryCollector.reclaimAtLeast] = 0
            let watch = try await CollectorWatch(MemoryCollector.descriptor, options: options)
            // Page cache beyond the limit can be given up: nobody is killed, but the writer waits.
            let script =
                "import os; f = open(\"\(file)\", \"wb\"); [f.write(bytes(1 << 20)) and os.fdatasync(f.fileno()) for _ in range(64)]"
            let child = python(in: group, script)
            #expect(child.wait() == .exited(0))
            let found = watch.events {
                $0.string("kind") == "memory_reclaim" && $0.number("pid") == Int64(child.pid)
            }
            #expect(!found.isEmpty)
            for event in found {
                #expect(event.string("comm") == "python3")
                #expect(event.number("cgroup_id") == Int64(group.id))
                #expect(event.string("reclaim_cause") == "cgroup")
                #expect((1..<10_000_000_000).contains(event.number("duration_ns") ?? 0))
                #expect((event.number("reclaimed_bytes") ?? -1) % 4096 == 0)
            }
            #expect(found.contains { ($0.number("reclaimed_bytes") ?? 0) > 0 })
            #expect(watch.events(0) { $0.string("kind") == "oom_kill" && $0.number("pid") == Int64(child.pid) }.isEmpty)

            options[MemoryCollector.reclaimAtLeast] = 60_000_000_000
            try await watch.collector.reconfigure(options)
            let before = try watch.counts("memory_reclaim").filtered
            #expect(python(in: group, script).wait() == .exited(0))
            #expect(try watch.counts("memory_reclaim").filtered > before)
            await watch.collector.stop()
        }
    }
}
