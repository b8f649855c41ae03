import Glibc
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Waits for a CPU")
    struct SchedulerCollectorTests {
        /// Processes that want one CPU for a while, all of them the same.
        private func crowd(_ count: Int, seconds: Double, enter: String) -> [SpawnedProcess] {
            let busy = "import time; t = time.monotonic() + \(seconds)\nwhile time.monotonic() < t: pass"
            return (0..<count).map { _ in
                SpawnedProcess(
                    "/bin/sh",
                    ["sh", "-c", "\(enter) && exec taskset -c 0 python3 -I -S -c '\(busy)'"]
                )
            }
        }

        @Test("threads that share a CPU wait for it: how often and how long by cgroup, long waits by thread")
        func waits() async throws {
            let group = try #require(MemoryCgroup(limitBytes: 256 << 20))
            var options = CollectorOptions()
            options[SchedulerCollector.longWait] = 1_000_000
            let watch = try await CollectorWatch(SchedulerCollector.descriptor, options: options)
            let crowd = crowd(3, seconds: 0.5, enter: group.enter)
            for process in crowd { #expect(process.wait() == .exited(0)) }
            await watch.collector.stop()
            let rows = watch.events(0) {
                $0.string("kind") == "run_queue_wait" && $0.number("cgroup_id") == Int64(group.id)
            }
            let long = rows.filter { $0["agg_count"] == .null }
            #expect(long.allSatisfy { $0.number("latency_ns")! >= 1_000_000 })
            let pids = Set(crowd.map { Int64($0.pid) })
            #expect(pids.isSubset(of: long.compactMap { $0.number("pid") }))
            #expect(long.contains { $0.string("comm") == "python3" })
            // Each of three waits for two thirds of the time; those that began may not have been queued all at once.
            let waited = long.reduce(0) { $0 + $1.number("latency_ns")! }
            #expect(waited > 300_000_000 && waited < 5_000_000_000)
            let short = rows.filter { $0["agg_count"] != .null }
            #expect(!short.isEmpty)
            for row in short {
                #expect(row.number("agg_max")! < 1_000_000 && row.number("uid") == Int64(getuid()))
                #expect(row.string("comm") == "" && row.number("pid") == 0)
            }
            let counts = try watch.counts("run_queue_wait")
            #expect(counts.undecided == 0)
        }

        @Test("a cgroup that uses its quota up is told of with what its cpu.stat says")
        func throttled() async throws {
            var options = CollectorOptions()
            options[.window] = 1_000_000_000
            let watch = try await CollectorWatch(SchedulerCollector.descriptor, options: options)
            // The first look is at what was there before.
            usleep(1_200_000)
            let group = try #require(CPUQuotaCgroup(percent: 10))
            let crowd = crowd(1, seconds: 0.5, enter: group.enter)
            #expect(crowd[0].wait() == .exited(0))
            // The last period may end after the last process.
            usleep(200_000)
            let expected = group.statistic("nr_throttled")!
            #expect(expected > 0)
            var found: [DecodedEvent] = []
            while found.reduce(0, { $0 + $1.number("throttled_periods")! }) < Int64(expected) {
                let more = watch.events(found.count + 1) {
                    $0.string("kind") == "cpu_throttled" && $0.string("cgroup_path") == "/\(group.name)"
                }
                try #require(more.count > found.count)
                found = more
            }
            #expect(found.reduce(0) { $0 + $1.number("throttled_periods")! } == Int64(expected))
            let time = group.statistic("throttled_time") ?? group.statistic("throttled_usec")! * 1000
            #expect(found.reduce(0) { $0 + $1.number("throttled_ns")! } == Int64(time))
            for event in found {
                #expect(event.number("cpu_periods")! >= event.number("throttled_periods")!)
                #expect(event.number("elapsed_ns")! > 500_000_000 && event.number("pid") == 0)
            }
            await watch.collector.stop()
        }

        @Test("a tree of version 2 is read as well, one that is mounted nowhere is none")
        func trees() {
            let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"
            let hybrid = "cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n"
            #expect(CgroupTree(of: "cpu", mounts: v2)?.root == "/sys/fs/cgroup")
            #expect(CgroupTree(of: "cpu", mounts: v2)?.version == 2)
            #expect(CgroupTree(of: "cpu", mounts: hybrid)?.root == "/c/cpu")
            #expect(CgroupTree(of: "memory", mounts: hybrid)?.root == "/c/unified")
            #expect(CgroupTree(of: "cpu", mounts: "proc /proc proc rw 0 0\n") == nil)
        }
    }
}
