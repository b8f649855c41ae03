import Glibc
import Synchronization
import TapioBPF
import TapioKernel
import TapioRings
import TapioTestSupport
import Testing

@Suite("Programs that user space runs", .serialized, .enabled(if: BPFRequirement.isMet))
struct RunnableProgramTests {
    private func object(_ plane: KernelPlane) throws -> BPFObject {
        let object = try BPFObject("bench", plane: plane)
        try object.load()
        return object
    }

    @Test("a run emits as many events as it was told, each submitted or counted as lost")
    func fixed() throws {
        let plane = try KernelPlane(configuration: .small)
        let object = try object(plane)
        let program = try object.runnable("bench_fixed")
        try program.run(tapio_bench_run(first: 0, count: 100))
        var sizes: [Int] = []
        for ring in plane.rings { _ = ring.drain { sizes.append($0.byteCount) } }
        #expect(sizes == [Int](repeating: 80, count: 100))
        try program.run(tapio_bench_run(first: 0, count: 100_000))
        let counts = try plane.counters().counts(kind: UInt8(TAPIO_KIND_PROCESS_FORK))
        #expect(counts.attempted == 100_100)
        #expect(counts.ringFull > 0)
        #expect(counts.submitted + counts.ringFull == counts.attempted)
    }

    @Test("a bulk ring that fills up wakes the sleeping reader once; a few events do not")
    func fillingWakes() throws {
        var configuration = KernelPlaneConfiguration()
        configuration.urgentBytes = 1 << 16
        configuration.bulkBytes = 1 << 16
        let plane = try KernelPlane(configuration: configuration)
        let object = try object(plane)
        let program = try object.runnable("bench_fixed")
        let waiter = try RingWaiter(plane: plane)
        let wake = Mutex<RingWaiter.Wake?>(nil)
        let sleeper = try PinnedThread(name: "sleeper") {
            let reason = waiter.wait(milliseconds: 60_000)
            wake.withLock { $0 = reason }
        }
        let cpus = Set(plane.rings.map(\.cpu))
        while !cpus.allSatisfy({ plane.control.isReaderWaiting(cpu: $0) }) { sched_yield() }
        // 88 bytes each: an eighth of the ring is 94 of them.
        try program.run(tapio_bench_run(first: 0, count: 20))
        #expect(cpus.allSatisfy { plane.control.isReaderWaiting(cpu: $0) })
        try program.run(tapio_bench_run(first: 0, count: 200))
        sleeper.join()
        #expect(wake.withLock { $0 } == .urgent)
        // And one that is filled already lets nobody sleep.
        #expect(waiter.wait(milliseconds: 60_000) == .urgent)
    }

    @Test("records of the array come out of the rings, in turn and in their lanes")
    func mixed() throws {
        let plane = try KernelPlane(configuration: .small)
        let object = try object(plane)
        for (index, priority) in [TAPIO_PRIORITY_HIGH, TAPIO_PRIORITY_LOW].enumerated() {
            var value = tapio_bench_record()
            value.size = UInt32(80 + index * 8)
            var header = tapio_header()
            header.kind = UInt8(TAPIO_KIND_PROCESS_EXIT)
            header.priority = UInt8(priority)
            withUnsafeMutableBytes(of: &value.bytes) { $0.storeBytes(of: header, as: tapio_header.self) }
            try object.setElement(index, ofMap: "bench_records", to: value)
        }
        // The third element was never set: it ends the run.
        try object.runnable("bench_mixed").run(tapio_bench_run(first: 0, count: 10))
        var sizes: [RingLane: [Int]] = [:]
        for ring in plane.rings { _ = ring.drain { sizes[ring.lane, default: []].append($0.byteCount) } }
        #expect(sizes == [.urgent: [80], .bulk: [88]])
    }

    @Test("a program that is not loaded, and one that can only be attached, are not run")
    func notRunnable() throws {
        let plane = try KernelPlane(configuration: .small)
        let unloaded = try BPFObject("bench", plane: plane)
        #expect(throws: KernelError.self) { try unloaded.runnable("bench_fixed") }
        #expect(throws: KernelError.self) { try unloaded.runnable("nothing") }
        let process = try BPFObject("process", plane: plane)
        try process.load()
        let attachable = try process.runnable("process_fork")
        #expect(throws: KernelError.self) { try attachable.run(UInt64(0)) }
    }

    @Test("runs are counted and timed while somebody asks for it")
    func accounting() throws {
        let plane = try KernelPlane(configuration: .small)
        let object = try object(plane)
        let program = try object.runnable("bench_fixed")
        let accounting = try ProgramAccounting()
        try program.run(tapio_bench_run(first: 0, count: 1000))
        _ = consume accounting
        let statistics = try #require(object.statistics().first { $0.name == "bench_fixed" })
        #expect(statistics.runCount == 1)
        #expect(statistics.runTimeNs > 0)
    }
}
