import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Major faults")
    struct MajorFaultTests {
        /// Maps a file of which no page is in memory, without read-ahead, and reads a byte of each page, under another name.
        private static let script = """
            import ctypes, mmap, os, sys
            f = os.open(sys.argv[1], os.O_RDWR)
            os.fsync(f)
            os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
            pages = mmap.mmap(f, 0, mmap.MAP_PRIVATE)
            pages.madvise(mmap.MADV_RANDOM)
            begin = ctypes.addressof(ctypes.c_char.from_buffer(pages))
            open("/proc/self/comm", "w").write("page-reader")
            for at in range(0, len(pages), mmap.PAGESIZE): pages[at]
            print(begin, len(pages), flush=True)
            """

        private func end(_ pid: pid_t) -> (status: Int32, majorFaults: Int) {
            var status: Int32 = 0
            var usage = rusage()
            while wait4(pid, &status, 0, &usage) < 0, errno == EINTR {}
            return (status, usage.ru_majflt)
        }

        @Test("each page that had to be read is counted for its process, as many as the kernel itself counts")
        func faults() async throws {
            let device = try #require(LoopDevice(bytes: 16 << 20))
            let directory = TemporaryDirectory()
            let place = directory.file("mount")
            try InteractiveProcess.run(["mkfs.ext4", "-q", device.path])
            try #require(mkdir(place, 0o700) == 0)
            try #require(mount(device.path, place, "ext4", 0, nil) == 0)
            defer { umount2(place, Int32(MNT_DETACH)) }
            let pages = 64
            TestFile.write(place + "/pages", [UInt8](repeating: 7, count: pages * Int(getpagesize())))
            let group = try #require(MemoryCgroup(limitBytes: 256 << 20))

            var options = CollectorOptions()
            options[.window] = 3_600_000_000_000
            let watch = try await CollectorWatch(MemoryCollector.descriptor, options: options)
            let output = directory.file("output")
            let child = SpawnedProcess(
                "/bin/sh",
                [
                    "sh", "-c", "\(group.enter) && exec python3 -I -S -c '\(Self.script)' \(place)/pages > \(output)",
                ]
            )
            let (status, majorFaults) = end(child.pid)
            #expect(status == 0)
            await watch.collector.stop()

            let rows = watch.events(0) {
                $0.string("kind") == "major_fault" && $0.number("pid") == Int64(child.pid)
            }
            // The kernel counts a few more for the process: those in which it needed a page of it by itself tell no program.
            let told = rows.reduce(0) { $0 + $1.weight }
            #expect(told <= Double(majorFaults) && told >= Double(majorFaults) - 4, "\(told) of \(majorFaults)")
            let read = rows.filter { $0.string("comm") == "page-reader" }
            #expect(read.reduce(0) { $0 + $1.weight } >= Double(pages))
            for row in read {
                #expect(row.number("cgroup_id") == Int64(group.id) && row.number("uid") == Int64(getuid()))
                #expect(row.number("ppid") == Int64(getpid()) && row.string("priority") == "normal")
            }
            let words = String(decoding: try #require(TestFile.read(output)), as: UTF8.self)
                .split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
            try #require(words.count == 2)
            let first = try #require(read.first { $0["agg_count"] == .null })
            let address = try #require(first.string("fault_address").flatMap { UInt64($0, radix: 16) })
            #expect((words[0]..<words[0] + words[1]).contains(address))
            #expect(first.number("tid") == Int64(child.pid))
            let merged = try #require(read.first { $0["agg_count"] != .null })
            #expect(merged.number("agg_count")! >= Int64(pages - 1) && merged["fault_address"] == .null)
            let counts = try watch.counts("major_fault")
            #expect(counts.undecided == 0 && counts.ringFull == 0)
        }

        @Test("a CPU each has an event of its own, and all of them are given back")
        func links() async throws {
            let watch = try await CollectorWatch(MemoryCollector.descriptor)
            let program = try await watch.collector.health().programs.first { $0.name == "major_fault" }
            #expect(program?.isAttached == true)
            #expect(perfEvents() == Set(watch.plane.rings.map(\.cpu)).count)
            await watch.collector.stop()
            #expect(perfEvents() == 0)
        }

        /// Descriptors of this process that are perf events.
        private func perfEvents() -> Int {
            TestFile.list("/proc/self/fd").count { name in
                var target = [CChar](repeating: 0, count: 64)
                let count = readlink("/proc/self/fd/\(name)", &target, target.count)
                let bytes = target.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
                return String(decoding: bytes, as: UTF8.self) == "anon_inode:[perf_event]"
            }
        }
    }
}
