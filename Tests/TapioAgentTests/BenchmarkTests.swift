import TapioEvents
import Testing

@testable import TapioAgent

@Suite("Benchmarks: what is derived from what was counted")
struct BenchmarkTests {
    private func measurement(archived: UInt64 = 1000) -> KernelMeasurement {
        var measurement = KernelMeasurement()
        var entry = LedgerEntry()
        entry.attempted = archived
        entry.archived = archived
        measurement.ledger = ["tcp_close": entry]
        measurement.elapsedNs = 2_000_000
        measurement.userNs = 500_000
        measurement.systemNs = 100_000
        measurement.idleNs = 1_000_000
        return measurement
    }

    @Test("what the agent takes when idle is taken off, for the time that the load took")
    func idle() {
        var measurement = measurement()
        measurement.idleUserNs = 50_000
        let figures = KernelFigures(measurement)
        #expect(figures.userNsPerEvent == 400)
        #expect(figures.systemNsPerEvent == 100)
        #expect(figures.idleCPUShare == 0.05)
        #expect(figures.eventsPerSecond == 500_000)
    }

    @Test("an idle time with more work than the load's gives nothing, never less")
    func noisyIdle() {
        var measurement = measurement()
        measurement.idleUserNs = 900_000
        #expect(KernelFigures(measurement).userNsPerEvent == 0)
    }

    @Test("a run without events or time has figures, and no division by zero")
    func empty() {
        let figures = KernelFigures(KernelMeasurement())
        #expect(figures.eventsPerSecond == 0)
        #expect(figures.userNsPerEvent == 0)
        #expect(figures.bytesPerRow == 0)
        #expect(figures.isProven)
    }

    @Test("kinds add up, and what was lost is told by any reason")
    func totals() {
        var measurement = measurement()
        var entry = LedgerEntry()
        entry.attempted = 10
        entry.ringFull = 4
        entry.shed = 3
        entry.archived = 3
        measurement.ledger["tcp_accept"] = entry
        let figures = KernelFigures(measurement)
        #expect(figures.attempted == 1010)
        #expect(figures.lost == 7)
        #expect(figures.archived == 1003)
    }

    @Test("caused events must be in the archive, or among the losses of their kind")
    func contradictions() {
        var measurement = measurement()
        measurement.caused = ["tcp_close": 1000]
        measurement.found = ["tcp_close": 1000]
        #expect(measurement.contradictions == [])
        measurement.found = ["tcp_close": 990]
        #expect(measurement.contradictions.count == 1)
        measurement.ledger["tcp_close"]?.ringFull = 10
        #expect(measurement.contradictions == [])
        measurement.found = ["tcp_close": 1001]
        #expect(measurement.contradictions.first?.contains("1001 in the archive") == true)
        measurement.found = [:]
        #expect(measurement.contradictions.first?.contains("tells of 10 lost") == true)
    }

    @Test("a generator goes round the records, from any of them on")
    func laps() {
        let kinds: [UInt8] = [16, 17, 17, 18]
        #expect(EmitProgram.laps(of: kinds, first: 0, count: 0) == [:])
        #expect(
            EmitProgram.laps(of: kinds, first: 0, count: 4) == [
                .init(rawValue: 16): 1, .init(rawValue: 17): 2, .init(rawValue: 18): 1,
            ]
        )
        #expect(
            EmitProgram.laps(of: kinds, first: 3, count: 6) == [
                .init(rawValue: 16): 2, .init(rawValue: 17): 2, .init(rawValue: 18): 2,
            ]
        )
    }

    @Test("a load has the name that makes it", arguments: ["exec", "fork", "tcp", "fixed", "emit@420000", "emit@max"])
    func names(name: String) {
        #expect(BenchmarkLoad(name)?.name == name)
    }

    @Test("other names make none", arguments: ["", "emit", "emit@", "emit@-1", "emit@1", "emit@1e9", "execs"])
    func noNames(name: String) {
        #expect(BenchmarkLoad(name) == nil)
    }

    @Test("a ring's figures are per record that was read, and it closes only if all are accounted for")
    func ring() {
        var result = RingBenchmark.Result()
        #expect(result.isClosed && result.readerNsPerRecord == 0 && result.lostShare == 0)
        result.attempted = 100
        result.ringFull = 25
        result.received = 75
        result.elapsedNs = 1_000
        result.readerNs = 150
        #expect(result.isClosed)
        #expect(result.recordsPerSecond == 75_000_000)
        #expect(result.readerNsPerRecord == 2)
        #expect(result.readerShare == 0.15)
        #expect(result.lostShare == 0.25)
        result.received = 74
        #expect(!result.isClosed)
    }

    @Test("memory is found in the kernel's text, and is 0 where it is not")
    func memory() {
        let text = "Name:\ttapio\nVmPeak:\t  99 kB\nVmHWM:\t   75460 kB\n"
        #expect(ProcessCost.kibibytes("VmHWM:", in: text) == 75_460)
        #expect(ProcessCost.kibibytes("VmSwap:", in: text) == 0)
        #expect(ProcessCost.kibibytes("VmHWM:", in: "VmHWM:") == 0)
        #expect(ProcessCost.residentHighWater > 0)
    }
}
