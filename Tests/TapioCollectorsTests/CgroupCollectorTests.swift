import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Cgroups")
    struct CgroupCollectorTests {
        private static let me = Int64(getpid())

        @Test("made, entered and removed: which, where, by whom, and who went in")
        func life() async throws {
            let watch = try await CollectorWatch(CgroupCollector.descriptor)
            var group = MemoryCgroup(limitBytes: 64 << 20)
            let id = Int64(try #require(group).id)
            let path = "/" + group!.path.split(separator: "/").last!
            let child = SpawnedProcess("/bin/sh", ["sh", "-c", "\(group!.enter) && exec true"])
            #expect(child.wait() == .exited(0))
            group = nil

            for kind in ["cgroup_create", "cgroup_remove"] {
                let event = try watch.event(kind) { $0.number("target_cgroup_id") == id }
                #expect(event.number("pid") == Self.me)
                #expect(event.number("uid") == Int64(getuid()))
                #expect(event.string("cgroup_path") == path)
                #expect(event.number("cgroup_level") == 1)
                #expect(event["target_pid"] == .null && event["target_comm"] == .null)
            }
            let attach = try watch.event("cgroup_attach") { $0.number("target_cgroup_id") == id }
            #expect(attach.number("pid") == Int64(child.pid))
            #expect(attach.number("target_pid") == Int64(child.pid))
            #expect(attach.number("target_tid") == Int64(child.pid))
            #expect(attach.string("target_comm") == "sh" && attach.string("comm") == "sh")
            #expect(attach.string("cgroup_path") == path)
            #expect(attach.string("attach_scope") == "process")
            #expect(attach.number("cgroup_hierarchy") == hierarchy(of: "memory"))
            await watch.collector.stop()
        }

        /// Runs each script in a cgroup of its own, one after the other, and gives the cgroup's end.
        private func end(after scripts: [String]) async throws -> DecodedEvent {
            let watch = try await CollectorWatch(CgroupCollector.descriptor)
            var group = MemoryCgroup(limitBytes: 64 << 20)
            let id = Int64(try #require(group).id)
            for script in scripts {
                SpawnedProcess("/bin/sh", ["sh", "-c", "\(group!.enter) && \(script)"]).wait()
            }
            group = nil
            let event = try watch.event("cgroup_remove") { $0.number("target_cgroup_id") == id }
            await watch.collector.stop()
            return event
        }

        @Test("the end of a cgroup tells how its processes ended: how many, how many badly, and the last")
        func failures() async throws {
            let begin = ClockOffset.bootNow()
            let failed = try await end(after: ["exit 0", "exit 3", "kill -9 $$", "exit 7"])
            #expect(failed.number("processes_ended") == 4 && failed.number("processes_failed") == 3)
            #expect(failed.number("exit_code") == 7 && failed["signal"] == .null)
            #expect(1...(ClockOffset.bootNow() - begin) ~= failed.number("duration_ns") ?? 0)
            let killed = try await end(after: ["exit 7", "kill -15 $$"])
            #expect(killed.number("processes_failed") == 2 && killed.number("exit_code") == 0)
            #expect(killed.number("signal") == Int64(SIGTERM))
            let well = try await end(after: ["exit 0"])
            #expect(well.number("processes_ended") == 1 && well.number("processes_failed") == 0)
            #expect(well.number("exit_code") == 0 && well["signal"] == .null)
        }

        @Test("threads are no processes, and a cgroup in which nothing ended says so")
        func nothingEnded() async throws {
            let none = try await end(after: [])
            #expect(none.number("processes_ended") == 0 && none.number("processes_failed") == 0)
            #expect(none["exit_code"] == .null && none["signal"] == .null)
            let script =
                "exec /usr/bin/python3 -I -S -c 'import threading as t; [t.Thread(target=int).start() for _ in range(9)]'"
            #expect(try await end(after: [script]).number("processes_ended") == 1)
        }

        @Test("of a cgroup older than the agent the end of what ends now is told, but no duration")
        func olderCgroup() async throws {
            var group = MemoryCgroup(limitBytes: 64 << 20)
            let id = Int64(try #require(group).id)
            let watch = try await CollectorWatch(CgroupCollector.descriptor)
            SpawnedProcess("/bin/sh", ["sh", "-c", "\(group!.enter) && exit 1"]).wait()
            group = nil
            let event = try watch.event("cgroup_remove") { $0.number("target_cgroup_id") == id }
            #expect(event.number("processes_failed") == 1 && event["duration_ns"] == .null)
            await watch.collector.stop()
        }

        @Test("other hierarchies have the same containers once more: filtered, unless they are asked for")
        func hierarchies() async throws {
            guard access("/sys/fs/cgroup/pids/cgroup.procs", W_OK) == 0 else { return }
            let watch = try await CollectorWatch(CgroupCollector.descriptor)
            let directory = "/sys/fs/cgroup/pids/tapio-test-\(getpid())-cgroup"
            defer { rmdir(directory) }
            #expect(mkdir(directory, 0o755) == 0 && rmdir(directory) == 0)
            #expect(try watch.counts("cgroup_create").filtered == 1)
            #expect(try watch.counts("cgroup_remove").filtered == 1)
            var options = CollectorOptions()
            options[CgroupCollector.allHierarchies] = 1
            try await watch.collector.reconfigure(options)
            #expect(mkdir(directory, 0o755) == 0 && rmdir(directory) == 0)
            let made = try watch.event("cgroup_create") { $0.number("pid") == Self.me }
            #expect(made.number("cgroup_hierarchy") == hierarchy(of: "pids"))
            let removed = try watch.event("cgroup_remove") { $0.number("pid") == Self.me }
            #expect(removed["target_cgroup_id"] == made["target_cgroup_id"])
            await watch.collector.stop()
        }

        @Test("a path of any length and any bytes is told up to its bound")
        func longPath() async throws {
            let watch = try await CollectorWatch(CgroupCollector.descriptor)
            var outer = MemoryCgroup(limitBytes: 64 << 20)
            try #require(outer != nil)
            // Names of 200 bytes, three deep: longer than what an event carries.
            let name = "\u{1b}[31m" + String(repeating: "n", count: 195)
            var directories: [String] = []
            for _ in 0..<3 {
                directories.append((directories.last ?? outer!.path) + "/" + name)
                #expect(mkdir(directories.last!, 0o755) == 0)
            }
            for directory in directories.reversed() { #expect(rmdir(directory) == 0) }
            let root = "/" + outer!.path.split(separator: "/").last!
            outer = nil
            let made = watch.events(4) { $0.string("kind") == "cgroup_create" && $0.number("pid") == Self.me }
            let paths = (0...3).map { root + String(repeating: "/" + name, count: $0) }
            #expect(made.map { $0.string("cgroup_path") } == paths.map { String($0.utf8.prefix(511))! })
            #expect(made.map { $0.number("cgroup_level") } == [1, 2, 3, 4])
            await watch.collector.stop()
        }

        /// The number of a controller's hierarchy (/proc/cgroups).
        private func hierarchy(of controller: String) -> Int64? {
            guard let file = fopen("/proc/cgroups", "r") else { return nil }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = fread(&bytes, 1, bytes.count, file)
            let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
            let fields = lines.map { $0.split(separator: "\t") }.first { $0.first.map(String.init) == controller }
            return fields.flatMap { $0.count > 1 ? Int64($0[1]) : nil }
        }
    }
}
