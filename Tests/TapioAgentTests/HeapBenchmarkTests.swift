import Glibc
import Synchronization
import TapioKernel
import TapioRings
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("Benchmarks: allocations of a process", .serialized)
struct HeapBenchmarkTests {
    @Test(
        "every call of a thread is counted, by function, and to that thread alone",
        .enabled(if: BPFRequirement.isMet)
    )
    func counts() throws {
        var rings = KernelPlaneConfiguration()
        rings.urgentBytes = 1 << 16
        rings.bulkBytes = 1 << 16
        // The thread alone uses it while it runs.
        nonisolated(unsafe) let probe = try HeapProbe(plane: try KernelPlane(configuration: rings))
        let readings = Mutex<[[UInt32: HeapCounts]]>([])
        let failure = Mutex<(any Error)?>(nil)
        let thread = try PinnedThread(name: "tapio-reader-7") {
            // Through a variable, so that no compiler leaves a pair of calls out.
            var kept: [UnsafeMutableRawPointer?] = [malloc(1)]
            func read() {
                do {
                    let reading = try probe.threads()
                    readings.withLock { $0.append(reading) }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
            kept.reserveCapacity(4096)
            read()
            for size in 1...1000 { kept.append(malloc(size)) }
            for size in 1...100 { kept.append(calloc(2, size)) }
            for index in 1...10 { kept[index] = realloc(kept[index], 5000) }
            for _ in 1...7 { kept.append(aligned_alloc(64, 128)) }
            for _ in 1...3 {
                var pointer: UnsafeMutableRawPointer?
                _ = posix_memalign(&pointer, 64, 128)
                kept.append(pointer)
            }
            read()
            for pointer in kept { free(pointer) }
        }
        thread.join()
        #expect(failure.withLock { $0 } == nil)
        let seen = readings.withLock { $0 }
        try #require(seen.count == 2)
        let tid = UInt32(thread.tid)
        let before = try #require(seen[0][tid])
        let after = try #require(seen[1][tid])
        #expect(after.name == "tapio-reader-7")
        let delta = after.since(before)
        // The reading itself allocates a little.
        #expect((1000...1100).contains(delta.malloc))
        #expect((100...110).contains(delta.calloc))
        #expect((10...20).contains(delta.realloc))
        #expect((10...20).contains(delta.aligned))

        var measurement = HeapMeasurement()
        measurement.add(seen[1], since: seen[0])
        let reader = try #require(measurement.threads.first { $0.role == .reader })
        #expect(reader.threads == 1)
        #expect(reader.malloc == delta.malloc)

        probe.detach()
        let last = try probe.threads()
        for _ in 0..<100 { free(malloc(10)) }
        #expect(try probe.threads() == last)
    }

    @Test("threads are told apart by their names, and those without a place count as tasks")
    func roles() {
        #expect(HeapRole(thread: "tapio-reader") == .reader)
        #expect(HeapRole(thread: "tapio-encode-1") == .encoder)
        #expect(HeapRole(thread: "tapio-sync") == .sync)
        #expect(HeapRole(thread: "tapio-live") == .live)
        #expect(HeapRole(thread: "tapio") == .tasks)
        #expect(HeapRole(thread: "") == .tasks)
        var counts = HeapCounts()
        counts.name = "tapio-reader"
        counts.malloc = 5
        var measurement = HeapMeasurement()
        measurement.add([0: counts], since: [:])
        #expect(measurement.threads.first { $0.role == .tasks }?.malloc == 5)
        #expect(measurement.threads.first { $0.role == .reader }?.calls == 0)
        #expect(measurement.threads.first { $0.role == .encoder }?.calls == 0)
    }

    @Test("calls are divided by events and batches, and by nothing where there are none")
    func figures() {
        var measurement = HeapMeasurement()
        #expect(measurement.perEvent(0) == 0)
        measurement.events = 1_000_000
        measurement.batches = 20
        #expect(measurement.perEvent(500) == 0.0005)
        #expect(measurement.perBatch(500) == 25)
    }

    @Test("the C library is found among the mappings, under its old and its new name")
    func library() throws {
        let maps = """
            55d0-55d1 r-xp 00000000 fe:00 12 /usr/bin/libc-tool
            7f00-7f01 r-xp 00000000 fe:00 12                         /usr/lib/x86_64-linux-gnu/libcap.so.2
            7f01-7f02 r-xp 00000000 fe:00 13                         /usr/lib/x86_64-linux-gnu/libc.so.6
            7f02-7f03 rw-p 00000000 00:00 0 [heap]
            """
        #expect(try HeapProbe.library(in: maps) == "/usr/lib/x86_64-linux-gnu/libc.so.6")
        #expect(try HeapProbe.library(in: "7f-80 r-xp 0 fe:00 1 /lib/libc-2.31.so") == "/lib/libc-2.31.so")
        #expect(throws: GeneratorError.self) { try HeapProbe.library(in: "7f-80 r-xp 0 fe:00 1 /usr/bin/tapio") }
    }
}
