import TapioBPF
import TapioTestSupport
import Testing

@testable import TapioKernel

/// The lot of the running programs, with real events whose processes are known.
@Suite("Sampling in the kernel", .serialized, .enabled(if: BPFRequirement.isMet))
struct SamplingTests {
    /// A process and how many events it has. Nobody has pid 0.
    private static let eventsPerProcess = 4
    private static let pids: [UInt32] = (1...2000).map { $0 * 7 }

    private let plane: KernelPlane
    private let object: BPFObject
    private let program: RunnableProgram

    init() throws {
        var configuration = KernelPlaneConfiguration()
        configuration.bulkBytes = 1 << 22
        configuration.urgentBytes = 1 << 22
        plane = try KernelPlane(configuration: configuration)
        object = try BPFObject("bench", plane: plane)
        try object.load()
        program = try object.runnable("bench_mixed")
    }

    /// Emits an event for each of these pids; what came out of the rings.
    private func emit(_ pids: [UInt32], kind: Int, priority: Int = TAPIO_PRIORITY_NORMAL) throws -> [tapio_header] {
        for (index, pid) in pids.enumerated() {
            var value = tapio_bench_record()
            value.size = UInt32(MemoryLayout<tapio_header>.size)
            var header = tapio_header()
            header.kind = UInt8(kind)
            header.priority = UInt8(priority)
            header.pid = pid
            withUnsafeMutableBytes(of: &value.bytes) { $0.storeBytes(of: header, as: tapio_header.self) }
            try object.setElement(index, ofMap: "bench_records", to: value)
        }
        var kept: [tapio_header] = []
        var first = 0
        while first < pids.count {
            let count = min(4096, pids.count - first)
            try program.run(tapio_bench_run(first: UInt32(first), count: UInt32(count)))
            for ring in plane.rings {
                let drained = ring.drain { record in
                    kept.append(record.withUnsafeBytes { $0.loadUnaligned(as: tapio_header.self) })
                }
                #expect(drained.fault == nil)
            }
            first += count
        }
        return kept
    }

    private var interleaved: [UInt32] {
        (0..<Self.eventsPerProcess).flatMap { _ in Self.pids }
    }

    /// What the program computes, once more.
    private func lot(pid: UInt32, startNs: UInt64 = 0, salt: UInt32) -> UInt32 {
        func mix(_ x: UInt64) -> UInt64 {
            var x = x
            x = (x ^ (x >> 30)) &* 0xbf58_476d_1ce4_e5b9
            x = (x ^ (x >> 27)) &* 0x94d0_49bb_1331_11eb
            return x ^ (x >> 31)
        }
        return UInt32(mix(mix(startNs &+ UInt64(salt) << 32) &+ UInt64(pid)) >> 34)
    }

    @Test("by process, a process is kept whole or not at all, by its lot", arguments: [2, 4, 10, 100] as [UInt32])
    func wholeProcesses(oneOf: UInt32) throws {
        let kind = TAPIO_KIND_TCP_CLOSE
        let keep = ControlPage.keepAll / oneOf
        plane.control.setKeep(keep, kind: UInt8(kind))
        plane.control.setMode(.process, kind: UInt8(kind))
        let kept = try emit(interleaved, kind: kind)
        let counts = Dictionary(grouping: kept, by: \.pid).mapValues(\.count)
        #expect(counts.values.allSatisfy { $0 == Self.eventsPerProcess })
        #expect(kept.allSatisfy { $0.keep == keep })
        let salt = plane.control.salt
        #expect(Set(counts.keys) == Set(Self.pids.filter { lot(pid: $0, salt: salt) < keep }))
        let totals = try plane.counters().counts(kind: UInt8(kind))
        #expect(totals.attempted == UInt64(interleaved.count))
        #expect(totals.submitted == UInt64(kept.count))
        #expect(totals.sampledOut == totals.attempted - totals.submitted)
    }

    @Test("what a lower probability keeps, a higher one keeps too, and all kinds agree")
    func nested() throws {
        var last = Set<UInt32>()
        for (fraction, kind) in [(64, TAPIO_KIND_TCP_CLOSE), (8, TAPIO_KIND_TCP_CONNECT), (2, TAPIO_KIND_TCP_CLOSE)] {
            plane.control.setKeep(ControlPage.keepAll / UInt32(fraction), kind: UInt8(kind))
            plane.control.setMode(.process, kind: UInt8(kind))
            let kept = Set(try emit(Self.pids, kind: kind).map(\.pid))
            #expect(kept.isSuperset(of: last))
            #expect(kept.count > last.count)
            last = kept
        }
    }

    @Test("another salt keeps other processes")
    func salted() throws {
        let kind = TAPIO_KIND_TCP_CLOSE
        plane.control.setKeep(ControlPage.keepAll / 2, kind: UInt8(kind))
        plane.control.setMode(.process, kind: UInt8(kind))
        let sets = try [UInt32(1), 2].map { salt in
            plane.control.salt = salt
            return Set(try emit(Self.pids, kind: kind).map(\.pid))
        }
        // Of 2,000 processes about 1,000 change sides; fewer than 700 do not, by 13 standard deviations.
        #expect(sets[0].symmetricDifference(sets[1]).count > 700)
    }

    @Test("events of nobody, and all kinds that are sampled by event, draw one by one")
    func independent() throws {
        let half = ControlPage.keepAll / 2
        let kind = TAPIO_KIND_TCP_CLOSE
        plane.control.setKeep(half, kind: UInt8(kind))
        plane.control.setMode(.process, kind: UInt8(kind))
        let nobody = try emit([UInt32](repeating: 0, count: 4000), kind: kind)
        plane.control.setMode(.independent, kind: UInt8(kind))
        let somebody = try emit([UInt32](repeating: 42, count: 4000), kind: kind)
        // 4,000 fair coins: 500 from the middle is 15 standard deviations.
        for kept in [nobody, somebody] { #expect((1500...2500).contains(kept.count)) }
    }

    @Test("critical events are kept whatever the page says, and at 0 all others are only counted")
    func extremes() throws {
        let kind = TAPIO_KIND_TCP_CLOSE
        plane.control.setKeep(0, kind: UInt8(kind))
        for mode in SamplingMode.allCases {
            plane.control.setMode(mode, kind: UInt8(kind))
            let critical = try emit(Self.pids, kind: kind, priority: TAPIO_PRIORITY_CRITICAL)
            #expect(critical.count == Self.pids.count)
            #expect(critical.allSatisfy { $0.keep == ControlPage.keepAll })
            #expect(try emit(Self.pids, kind: kind, priority: TAPIO_PRIORITY_HIGH).isEmpty)
            #expect(try emit(Self.pids, kind: kind, priority: TAPIO_PRIORITY_LOW).isEmpty)
        }
        let totals = try plane.counters().counts(kind: UInt8(kind))
        #expect(totals.attempted == UInt64(6 * Self.pids.count))
        #expect(totals.sampledOut == UInt64(4 * Self.pids.count))
    }
}
