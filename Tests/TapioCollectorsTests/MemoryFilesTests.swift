import Glibc
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

@Suite("Memory: what files tell")
struct MemoryFilesTests {
    private static let second: Int64 = 1_000_000_000
    private let directory = TemporaryDirectory()

    private var mounts: String { "cgroup2 \(directory.path) cgroup2 rw 0 0\n" }

    private func write(_ group: String, _ files: [String: String]) {
        mkdir(directory.file(group), 0o700)
        for (name, text) in files { TestFile.write(directory.file("\(group)/\(name)"), text) }
    }

    @Test("a cgroup is told of when it gets near its limit, then once a minute, and anew when it comes back")
    func levels() {
        let parts = "anon 500\nfile 300\nkernel 9\n"
        write("near", ["memory.current": "900\n", "memory.max": "1000\n", "memory.stat": parts])
        write("far", ["memory.current": "899\n", "memory.max": "1000\n", "memory.stat": parts])
        write("free", ["memory.current": "900\n", "memory.max": "max\n", "memory.stat": parts])
        write("empty", ["memory.current": "0\n", "memory.max": "0\n"])
        write("bare", ["memory.current": "18446744073709551615\n", "memory.max": "4611686018427387903\n"])
        var usage = CgroupMemoryUsage(mounts: mounts)
        func look(_ seconds: Int64, _ percent: Int = 90) -> [CgroupMemoryUsage.Reading] {
            usage.look(nowNs: seconds * Self.second, atLeastPercent: percent).sorted { $0.path < $1.path }
        }
        let first = look(5)
        #expect(first.map(\.path) == ["/bare", "/near"])
        #expect(first[0].anonymousBytes == nil && first[0].cacheBytes == nil)
        let near = first[1]
        #expect(near.usageBytes == 900 && near.limitBytes == 1000)
        #expect(near.anonymousBytes == 500 && near.cacheBytes == 300)
        var status = stat()
        #expect(stat(directory.file("near"), &status) == 0 && near.id == UInt64(status.st_ino))
        #expect(look(15) == [] && look(64) == [])
        #expect(look(65).map(\.path) == ["/bare", "/near"])
        write("near", ["memory.current": "10\n"])
        #expect(look(70) == [])
        write("near", ["memory.current": "950\n"])
        #expect(look(71).map(\.path) == ["/near"])
        #expect(look(72, 89).map(\.path) == ["/far"])
        #expect(look(73, 100) == [])
    }

    @Test("version 1 has other names for the same, and a number for no limit")
    func version1() {
        let stat = "cache 1\nrss 2\ntotal_cache 30\ntotal_rss 40\n"
        func files(_ limit: String) -> [String: String] {
            ["memory.usage_in_bytes": "95\n", "memory.limit_in_bytes": limit, "memory.stat": stat]
        }
        write("a", files("100\n"))
        write("b", files("9223372036854771712\n"))
        var usage = CgroupMemoryUsage(mounts: "cgroup \(directory.path) cgroup rw,memory 0 0\n")
        let found = usage.look(nowNs: 0, atLeastPercent: 95)
        #expect(found.map(\.path) == ["/a"])
        #expect(found.first?.anonymousBytes == 40 && found.first?.cacheBytes == 30)
    }

    private static let recorded = """
        some avg10=12.34 avg60=5.00 avg300=1.00 total=59508
        full avg10=0.05 avg60=0.00 avg300=0.00 total=55103

        """

    @Test("pressure is read as the kernel writes it; what is cut or no number is nothing")
    func parse() {
        let stall = PressureStall(Self.recorded)
        #expect(stall?.some == PressureStall.Waiting(hundredths: 1234, totalNs: 59_508_000))
        #expect(stall?.full == PressureStall.Waiting(hundredths: 5, totalNs: 55_103_000))
        for text in [
            "", "some avg10=1.00 total=1\n", "some avg10=1 total=1\nfull avg10=1 total=1\n", "some\nfull\n",
            "some avg10=101.00 total=1\nfull avg10=1.00 total=1\n",
            "some avg10=1.00 total=x\nfull avg10=1.00 total=1\n",
            "some avg10=-1.00 total=1\nfull avg10=1.00 total=1\n",
            "some avg10=1.000 total=1\nfull avg10=1.00 total=1\n",
        ] {
            #expect(PressureStall(text) == nil, "\(text)")
        }
    }

    private func text(_ avg10: String, _ some: Int, _ full: Int) -> String {
        "some avg10=\(avg10) avg60=0.00 avg300=0.00 total=\(some)\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=\(full)\n"
    }

    @Test("pressure of the machine and of cgroups from a share on, with what was added since the last look")
    func pressure() {
        let machine = directory.file("machine")
        TestFile.write(machine, text("50.00", 100, 10))
        TestFile.write(directory.file("memory.pressure"), text("50.00", 100, 10))
        write("a", ["memory.pressure": text("9.99", 5, 5)])
        var pressure = MemoryPressure(machine: machine, mounts: mounts)
        #expect(pressure.look(nowNs: 0, atLeastPercent: 10) == [])
        TestFile.write(machine, text("60.00", 150, 30))
        write("a", ["memory.pressure": text("10.00", 7, 5)])
        write("new", ["memory.pressure": text("99.99", 3, 2)])
        let found = pressure.look(nowNs: 2 * Self.second, atLeastPercent: 10).sorted { $0.path < $1.path }
        #expect(found.map(\.path) == ["", "/a", "/new"])
        #expect(found.map(\.someNs) == [50_000, 2_000, 3_000])
        #expect(found.map(\.fullNs) == [20_000, 0, 2_000])
        #expect(found.map(\.elapsedNs) == [UInt64](repeating: 2_000_000_000, count: 3))
        #expect(found[0].id == 0 && found[1].id != 0 && found[0].now.some.hundredths == 6000)
        // One of the same name that is another began anew.
        write("a", ["memory.pressure": text("11.00", 1, 1)])
        let next = pressure.look(nowNs: 3 * Self.second, atLeastPercent: 11).first { $0.path == "/a" }
        #expect(next?.someNs == 1_000 && next?.fullNs == 1_000)
    }

    @Test("a kernel that keeps no account of pressure is none")
    func noPressure() {
        var pressure = MemoryPressure(machine: directory.file("none"), mounts: "proc /proc proc rw 0 0\n")
        for now in 0..<3 { #expect(pressure.look(nowNs: Int64(now), atLeastPercent: 0) == []) }
    }
}

extension RealKernel {
    @Suite("Memory: levels")
    struct MemoryLevelTests {
        @Test("a cgroup that is filled to 95 % of its limit is told of once, with what it uses")
        func usage() async throws {
            let group = try #require(MemoryCgroup(limitBytes: 64 << 20))
            var options = CollectorOptions()
            options[.window] = 1_000_000_000
            let watch = try await CollectorWatch(MemoryCollector.descriptor, options: options)
            let script = """
                import os
                names = ("memory.usage_in_bytes", "memory.current")
                path = next(p for p in (f"\(group.path)/{n}" for n in names) if os.path.exists(p))
                held = []
                while int(open(path).read()) < \(group.limitBytes) * 95 // 100: held.append(b"x" * (1 << 19))
                print("full", flush=True)
                input()
                """
            let filler = try InteractiveProcess([
                "/bin/sh", "-c", "\(group.enter) && exec python3 -I -S -c '\(script)'",
            ])
            #expect(filler.readLine() == "full")
            let name = group.path.split(separator: "/").last!
            let isIts = { (event: DecodedEvent) in
                event.string("kind") == "memory_usage" && event.string("cgroup_path") == "/\(name)"
            }
            // Two windows more: it is told of when it gets there, and a minute later.
            let found = watch.events(2, where: isIts, withinNs: 3_500_000_000)
            #expect(found.count == 1)
            let event = try #require(found.first)
            let limit = Int64(group.limitBytes)
            #expect(event.number("limit_bytes") == limit && event.number("cgroup_id") == Int64(group.id))
            #expect((limit * 90 / 100...limit).contains(event.number("usage_bytes") ?? 0))
            #expect((limit / 2...limit).contains(event.number("anonymous_bytes") ?? 0))
            #expect((0...limit / 2).contains(event.number("cache_bytes") ?? -1))
            #expect(event.number("pid") == 0)

            options[MemoryCollector.usageAtLeast] = 100
            try await watch.collector.reconfigure(options)
            options[MemoryCollector.usageAtLeast] = 90
            try await watch.collector.reconfigure(options)
            #expect(watch.events(2, where: isIts).count == 2)
            filler.write("")
            #expect(filler.wait() == 0)
            await watch.collector.stop()
        }

        /// A cgroup of version 2, in which processes may be beside that of the memory controller.
        private final class UnifiedCgroup {
            let path: String
            let name = "tapio-test-\(getpid())-\(UInt32.random(in: 0...(.max)))"

            init?() {
                guard let root = CgroupTree(of: "")?.root else { return nil }
                path = "\(root)/\(name)"
                guard mkdir(path, 0o755) == 0 else { return nil }
            }

            deinit {
                CgroupDirectory.remove(path)
            }
        }

        @Test(
            "waits for memory of a cgroup are told of: in all, as much as the kernel says",
            .enabled(if: access("/proc/pressure/memory", R_OK) == 0)
        )
        func pressure() async throws {
            let limited = try #require(MemoryCgroup(limitBytes: 24 << 20))
            let group = try #require(UnifiedCgroup())
            guard access("\(group.path)/memory.pressure", R_OK) == 0 else { return }
            let directory = TemporaryDirectory()
            var options = CollectorOptions()
            options[.window] = 1_000_000_000
            options[MemoryCollector.pressureAtLeast] = 0
            let watch = try await CollectorWatch(MemoryCollector.descriptor, options: options)
            let script =
                "import os; f = open(\"\(directory.file("pages"))\", \"wb\"); [f.write(bytes(1 << 20)) and os.fdatasync(f.fileno()) for _ in range(96)]"
            let enter = "echo $$ > \(group.path)/cgroup.procs && \(limited.enter)"
            #expect(
                SpawnedProcess("/bin/sh", ["sh", "-c", "\(enter) && exec python3 -c '\(script)'"]).wait() == .exited(0)
            )
            let total = try #require(
                TestFile.read("\(group.path)/memory.pressure").flatMap {
                    PressureStall(String(decoding: $0, as: UTF8.self))
                }
            )
            #expect(total.some.totalNs > 0)
            var found: [DecodedEvent] = []
            while found.reduce(0, { $0 + $1.number("some_stalled_ns")! }) < Int64(total.some.totalNs) {
                let more = watch.events(found.count + 1) {
                    $0.string("kind") == "memory_pressure" && $0.string("cgroup_path") == "/\(group.name)"
                }
                try #require(more.count > found.count)
                found = more
            }
            #expect(found.reduce(0) { $0 + $1.number("some_stalled_ns")! } == Int64(total.some.totalNs))
            #expect(found.reduce(0) { $0 + $1.number("full_stalled_ns")! } == Int64(total.full.totalNs))
            var status = stat()
            #expect(stat(group.path, &status) == 0)
            for event in found {
                #expect(event.number("cgroup_id") == Int64(status.st_ino) && event.number("pid") == 0)
                #expect((0...1000).contains(event.number("some_stalled_permille") ?? -1))
                #expect(event.number("full_stalled_permille")! <= event.number("some_stalled_permille")!)
                #expect(event.number("elapsed_ns")! > 0)
            }
            let machine = watch.events { $0.string("kind") == "memory_pressure" && $0["cgroup_path"] == .null }
            #expect(machine.allSatisfy { $0.number("cgroup_id") == 0 })
            #expect(machine.reduce(0) { $0 + $1.number("some_stalled_ns")! } > 0)
            await watch.collector.stop()
        }
    }
}
