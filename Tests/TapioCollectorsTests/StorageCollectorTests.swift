import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Block devices")
    struct StorageCollectorTests {
        private func watch(_ change: (inout CollectorOptions) -> Void = { _ in }) async throws -> CollectorWatch {
            var options = CollectorOptions()
            options[.window] = 1_000_000_000
            change(&options)
            return try await CollectorWatch(StorageCollector.descriptor, options: options)
        }

        /// Writes or reads blocks past the page cache; the pid of who did.
        private func copy(_ arguments: String, expecting code: Int32 = 0) throws -> Int64 {
            let directory = TemporaryDirectory()
            let child = try ChildProcess("dd", arguments.split(separator: " ").map(String.init), directory: directory)
            #expect(child.wait() == .exited(code), "\(child.errors)")
            return Int64(child.pid)
        }

        @Test("each request is told with its device, operation, size and place")
        func requests() async throws {
            let device = try #require(LoopDevice(bytes: 1 << 20))
            var status = stat()
            #expect(stat(device.path, &status) == 0)
            // So that each is an event of its own.
            let watch = try await watch { $0[StorageCollector.slow] = 0 }
            let writer = try copy("if=/dev/zero of=\(device.path) bs=4096 count=3 seek=10 oflag=direct conv=notrunc")
            let reader = try copy("if=\(device.path) of=/dev/null bs=8192 count=1 skip=2 iflag=direct")
            let isIO = { (event: DecodedEvent) in event.string("device") == device.name }
            let writes = watch.events(3) { isIO($0) && $0.string("io_operation") == "write" }
            #expect(writes.map { $0.number("io_sector") } == [80, 88, 96])
            for write in writes {
                #expect(write.string("kind") == "block_io" && write.number("io_bytes") == 4096)
                #expect(write.number("device_major") == Int64(status.st_rdev >> 8 & 0xfff))
                #expect(write.number("device_minor") == Int64(status.st_rdev & 0xff))
                #expect(write.number("latency_ns")! > 0 && write.number("latency_ns")! < 10_000_000_000)
                #expect(write["agg_count"] == .null)
            }
            #expect(writes.contains { $0.number("pid") == writer && $0.string("comm") == "dd" })
            let read = try #require(watch.events { isIO($0) && $0.number("io_sector") == 32 }.first)
            #expect(read.string("io_operation") == "read" && read.number("io_bytes") == 8192)
            #expect(read.number("pid") == reader)
            await watch.collector.stop()
        }

        @Test("fast requests are merged by process, with a histogram; none is lost")
        func merged() async throws {
            let device = try #require(LoopDevice(bytes: 1 << 20))
            let watch = try await watch { $0[StorageCollector.slow] = 3_600_000_000_000 }
            _ = try copy("if=/dev/zero of=\(device.path) bs=4096 count=200 oflag=direct conv=notrunc")
            await watch.collector.stop()
            let rows = watch.events {
                $0.string("device") == device.name && $0.string("io_operation") == "write"
            }
            #expect(rows.reduce(0) { $0 + $1.weight } == 200)
            for row in rows {
                let count = try #require(row.number("agg_count"))
                let (low, high, sum) = (row.number("agg_min")!, row.number("agg_max")!, row.number("agg_sum")!)
                #expect(0 < low && low <= high && sum >= low * count && sum <= high * count)
                let histogram = try #require(row.string("agg_histogram"))
                let counts = histogram.split(separator: " ").map { Int64($0.split(separator: ":")[1])! }
                #expect(counts.reduce(0, +) == count, "\(histogram)")
            }
            let counts = try watch.counts("block_io")
            #expect(counts.undecided == 0 && counts.ringFull == 0)
        }

        @Test("a request that a frozen file system holds up is told as slow, with how long it took")
        func slow() async throws {
            let outer = try #require(LoopDevice(bytes: 64 << 20))
            let directory = TemporaryDirectory()
            let place = directory.file("mount")
            try InteractiveProcess.run(["mkfs.ext4", "-q", outer.path])
            try #require(mkdir(place, 0o700) == 0)
            try #require(mount(outer.path, place, "ext4", 0, nil) == 0)
            defer { umount2(place, Int32(MNT_DETACH)) }
            var inner = LoopDevice(bytes: 1 << 20, file: place + "/image")
            let device = try #require(inner?.path)
            let name = try #require(inner?.name)
            let watch = try await watch { $0[StorageCollector.slow] = 200_000_000 }
            try InteractiveProcess.run(["fsfreeze", "--freeze", place])
            let output = TemporaryDirectory()
            let child = try ChildProcess(
                "dd",
                ["if=/dev/zero", "of=\(device)", "bs=4096", "count=1", "oflag=direct", "conv=notrunc"],
                directory: output
            )
            usleep(400_000)
            try InteractiveProcess.run(["fsfreeze", "--unfreeze", place])
            #expect(child.wait() == .exited(0))
            let slow = try watch.event("block_io") { $0.string("device") == name && $0["agg_count"] == .null }
            #expect(slow.number("latency_ns")! >= 200_000_000 && slow.number("pid") == Int64(child.pid))
            await watch.collector.stop()
            inner = nil
        }

        @Test("a request beyond the file's end fails, and is told with its error at once")
        func failure() async throws {
            let device = try #require(LoopDevice(bytes: 1 << 20))
            let watch = try await watch()
            #expect(truncate(device.file, 4096) == 0)
            _ = try copy("if=\(device.path) of=/dev/null bs=4096 count=1 skip=100 iflag=direct", expecting: 1)
            let failed = try #require(
                watch.events { $0.string("kind") == "block_error" && $0.string("device") == device.name }.first
            )
            #expect(failed.string("error") == "EIO" && failed.number("errno") == 5)
            #expect(failed.number("io_sector") == 800 && failed.string("io_operation") == "read")
            #expect(failed.string("priority") == "high")
            await watch.collector.stop()
        }
    }
}
