import Glibc
import TapioBPF
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("The kernel's part of the ledger")
    struct KernelLedgerTests {
        static let kinds = [TAPIO_KIND_PROCESS_EXEC, TAPIO_KIND_PROCESS_FORK, TAPIO_KIND_PROCESS_EXIT]

        private func spawn(_ count: Int) {
            for _ in 0..<count { SpawnedProcess("/bin/true", ["true"]).wait() }
        }

        /// After the detach everything that was attempted has an outcome, and what was submitted is what was read.
        private func expectClosed(_ fixture: ProcessFixture, _ records: [Captured]) throws {
            for kind in Self.kinds {
                let counts = try fixture.counts(kind)
                #expect(counts.undecided == 0)
                #expect(counts.submitted == UInt64(records.count { $0.header.kind == UInt8(kind) }))
            }
        }

        @Test("every event has one outcome, and every submitted one is read")
        func closes() throws {
            let fixture = try ProcessFixture()
            spawn(100)
            let records = fixture.finish()
            try expectClosed(fixture, records)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXEC).submitted >= 100)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXEC).ringFull == 0)
        }

        @Test("a full ring says exactly how many it lost")
        func ringFull() throws {
            let fixture = try ProcessFixture(urgentBytes: 4096, bulkBytes: 4096)
            spawn(200)
            let records = fixture.finish()
            try expectClosed(fixture, records)
            for kind in Self.kinds {
                let counts = try fixture.counts(kind)
                let generated = counts.attempted - counts.filtered
                #expect(generated >= 200)
                #expect(counts.ringFull == generated - UInt64(records.count { $0.header.kind == UInt8(kind) }))
                #expect(counts.ringFull > 0)
            }
        }

        @Test("a flood in the bulk lane takes nothing from the urgent one")
        func lanes() throws {
            let fixture = try ProcessFixture(bulkBytes: 4096)
            spawn(200)
            let records = fixture.finish()
            try expectClosed(fixture, records)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_FORK).ringFull > 0)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXEC).ringFull == 0)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXIT).ringFull == 0)
        }

        @Test("sequence numbers of a lane count what was submitted, without a hole")
        func sequences() throws {
            let fixture = try ProcessFixture(urgentBytes: 16_384)
            spawn(200)
            let records = fixture.finish()
            let snapshot = try fixture.plane.counters()
            for cpu in fixture.plane.rings.map(\.cpu) {
                for lane in RingLane.allCases {
                    let sequences = records.filter { Int($0.header.cpu) == cpu && $0.lane == lane }.map(
                        \.header.sequence
                    )
                    #expect(sequences.sorted() == (0..<snapshot.nextSequence(cpu: cpu, lane: lane)).map { $0 })
                }
            }
        }

        @Test("half of a kind is kept, the other half accounted for, and each kept one says so")
        func samples() throws {
            let fixture = try ProcessFixture()
            let half = ControlPage.keepAll / 2
            fixture.plane.control.setKeep(half, kind: UInt8(TAPIO_KIND_PROCESS_FORK))
            spawn(300)
            let records = fixture.finish()
            try expectClosed(fixture, records)
            let counts = try fixture.counts(TAPIO_KIND_PROCESS_FORK)
            let forks = records.filter { $0.header.kind == UInt8(TAPIO_KIND_PROCESS_FORK) }
            #expect(forks.allSatisfy { $0.header.keep == half })
            #expect(counts.sampledOut + counts.submitted == counts.attempted - counts.filtered)
            // 300 fair coins: fewer than 75 heads or tails do not happen (10^-18).
            #expect(counts.sampledOut > 75)
            #expect(counts.submitted > 75)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXEC).sampledOut == 0)
        }

        @Test("by process, the beginning and the end of a process are both kept, or neither is")
        func samplesProcesses() throws {
            let fixture = try ProcessFixture()
            for kind in Self.kinds {
                fixture.plane.control.setKeep(ControlPage.keepAll / 2, kind: UInt8(kind))
                fixture.plane.control.setMode(.process, kind: UInt8(kind))
            }
            let children = (0..<100).map { _ in
                let child = SpawnedProcess("/bin/true", ["true"])
                child.wait()
                return UInt32(child.pid)
            }
            let records = fixture.finish()
            try expectClosed(fixture, records)
            func pids(_ kind: Int) -> Set<UInt32> {
                Set(records.filter { $0.header.kind == UInt8(kind) }.map(\.header.pid)).intersection(children)
            }
            #expect(pids(TAPIO_KIND_PROCESS_EXEC) == pids(TAPIO_KIND_PROCESS_EXIT))
            // 100 fair coins: fewer than 10 heads or tails do not happen (10^-17).
            #expect((10...90).contains(pids(TAPIO_KIND_PROCESS_EXIT).count))
        }

        @Test("a probability of 0 keeps none, and more than 1 keeps all")
        func extremes() throws {
            let fixture = try ProcessFixture()
            fixture.plane.control.setKeep(0, kind: UInt8(TAPIO_KIND_PROCESS_FORK))
            fixture.plane.control.setKeep(.max, kind: UInt8(TAPIO_KIND_PROCESS_EXIT))
            spawn(50)
            let records = fixture.finish()
            try expectClosed(fixture, records)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_FORK).submitted == 0)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXIT).sampledOut == 0)
        }

        @Test("an urgent event wakes the reader from its sleep")
        func wakes() throws {
            let fixture = try ProcessFixture()
            let waiter = try RingWaiter(plane: fixture.plane)
            fixture.drain()
            // A process that lives while we sleep, and exits: its end is urgent.
            let child = SpawnedProcess("/bin/sleep", ["sleep", "0.1"])
            defer { child.wait() }
            #expect(waiter.wait(milliseconds: 60_000) == .urgent)
            waiter.stop()
            #expect(waiter.wait(milliseconds: 60_000) == .stopped)
            #expect(waiter.wait(milliseconds: 60_000) == .stopped)
        }
    }
}
