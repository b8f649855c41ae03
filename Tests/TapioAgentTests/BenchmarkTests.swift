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
        #expect(measurement.contradictions(isExact: false) == [])
        measurement.found = ["tcp_close": 990]
        #expect(measurement.contradictions(isExact: false).count == 1)
        measurement.ledger["tcp_close"]?.ringFull = 10
        #expect(measurement.contradictions(isExact: false) == [])
        measurement.found = ["tcp_close": 1001]
        #expect(measurement.contradictions(isExact: false).first?.contains("1001 in the archive") == true)
        measurement.found = [:]
        #expect(measurement.contradictions(isExact: false).first?.contains("tells of 10 others") == true)
    }

    @Test(
        "where nobody else causes events of a kind, the numbers must be the same, sampled and aggregated ones included"
    )
    func exact() {
        var measurement = KernelMeasurement()
        var entry = LedgerEntry()
        entry.attempted = 1000
        entry.sampledOut = 600
        entry.aggregated = 90
        entry.ringFull = 10
        entry.archived = 300
        measurement.ledger = ["bench_call": entry]
        measurement.caused = ["bench_call": 1000]
        measurement.found = ["bench_call": 300]
        measurement.told = ["bench_call": 1012.5]
        #expect(measurement.contradictions(isExact: true) == [])
        measurement.ledger["bench_call"]?.attempted = 1001
        #expect(measurement.contradictions(isExact: true).first?.contains("tells of 1001") == true)
        #expect(measurement.contradictions(isExact: false) == [])
        measurement.ledger["bench_call"]?.attempted = 1000
        measurement.found = ["bench_call": 301]
        #expect(measurement.contradictions(isExact: true).count == 1)
        #expect(measurement.contradictions(isExact: false) == [])
    }

    @Test("where nothing was sampled out, what a query counts is what the ledger says, summaries included")
    func counted() {
        var measurement = KernelMeasurement()
        var entry = LedgerEntry()
        entry.attempted = 100
        entry.aggregated = 60
        entry.archived = 40
        measurement.ledger = ["bench_call": entry]
        measurement.caused = ["bench_call": 100]
        measurement.found = ["bench_call": 40]
        measurement.told = ["bench_call": 100]
        #expect(measurement.contradictions(isExact: true) == [])
        measurement.told = ["bench_call": 99]
        #expect(measurement.contradictions(isExact: true).first?.contains("a query counts 99") == true)
    }

    @Test("losses are told by reason, and those of urgent priorities apart")
    func losses() {
        var measurement = measurement()
        var high = LedgerEntry()
        high.malformed = 2
        var low = LedgerEntry()
        low.ringFull = 5
        low.failed = 1
        low.sampledOut = 7
        low.aggregated = 8
        measurement.ledger["process_exec"] = high
        measurement.ledger["tcp_retransmit"] = low
        measurement.priorities = ["high": high, "low": low]
        let figures = KernelFigures(measurement)
        #expect((figures.ringFull, figures.malformed, figures.shed, figures.failed) == (5, 2, 0, 1))
        #expect(figures.lost == 8)
        #expect(figures.urgentLost == 2)
        #expect((figures.sampledOut, figures.aggregated) == (7, 8))
    }

    @Test("memory over time: the least, the median, the most, and how the last quarter differs from the first")
    func resident() {
        let growing = KernelMeasurement.Resident([10, 11, 20, 21, 30, 31, 40, 41])
        #expect((growing.least, growing.median, growing.most) == (10, 30, 41))
        #expect((growing.firstQuarter, growing.lastQuarter, growing.samples) == (11, 41, 8))
        let one = KernelMeasurement.Resident([7])
        #expect((one.least, one.median, one.most, one.firstQuarter, one.lastQuarter) == (7, 7, 7, 7, 7))
        #expect(KernelMeasurement.Resident([]).samples == 0)
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

    @Test(
        "a load has the name that makes it",
        arguments: [
            "exec", "fork", "tcp", "fixed", "emit@420000", "emit@max", "getppid@45000", "getppid@2000000",
            "getppid@max",
        ]
    )
    func names(name: String) {
        #expect(BenchmarkLoad(name)?.name == name)
    }

    @Test(
        "other names make none",
        arguments: [
            "", "emit", "emit@", "emit@-1", "emit@1", "emit@1e9", "execs", "getppid", "getppid@", "getppid@1@2",
            "exec@1000",
        ]
    )
    func noNames(name: String) {
        #expect(BenchmarkLoad(name) == nil)
    }

    @Test("several generators share a rate, and each has a rate that is one")
    func shared() {
        #expect(BenchmarkLoad.getppid(perSecond: 420_000).shared(by: 2) == .getppid(perSecond: 210_000))
        #expect(BenchmarkLoad.emit(perSecond: 1500).shared(by: 4) == .emit(perSecond: 1000))
        #expect(BenchmarkLoad.getppid(perSecond: nil).shared(by: 2) == .getppid(perSecond: nil))
        #expect(BenchmarkLoad.exec.shared(by: 2) == .exec)
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
