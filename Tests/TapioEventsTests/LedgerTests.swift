import TapioBPF
import TapioEvents
import Testing

@Suite("The ledger's identity")
struct LedgerTests {
    private func closed() -> LedgerEntry {
        var entry = LedgerEntry()
        entry.attempted = 100
        entry.filtered = 10
        entry.sampledOut = 20
        entry.ringFull = 5
        entry.submitted = 65
        entry.received = 65
        entry.malformed = 1
        entry.aggregated = 2
        entry.shed = 3
        entry.failed = 4
        entry.archived = 55
        return entry
    }

    @Test("a closed entry has nothing in flight and no violation")
    func balanced() {
        let entry = closed()
        #expect(entry.inFlight == 0)
        #expect(entry.lost == 13)
        #expect(LedgerSnapshot(takenAtNs: 0, entries: [SampleKind.kind: entry]).violations(isQuiet: true).isEmpty)
    }

    @Test("what is on its way is in exactly one stage")
    func inFlight() {
        var entry = closed()
        entry.attempted += 3
        entry.submitted += 2
        entry.received += 1
        #expect(entry.inFlight == 3)
        #expect(entry.inRings == 1)
        #expect(entry.inBatches == 1)
        let snapshot = LedgerSnapshot(takenAtNs: 0, entries: [SampleKind.kind: entry])
        #expect(snapshot.violations(isQuiet: false).isEmpty)
        #expect(snapshot.violations(isQuiet: true).map(\.stage) == [.programs, .rings, .batches])
        #expect(snapshot.violations(isQuiet: true).map(\.unaccounted) == [1, 1, 1])
    }

    @Test("an event counted twice is found at its stage, quiet or not")
    func countedTwice() {
        var entry = closed()
        entry.archived += 1
        let violations = LedgerSnapshot(takenAtNs: 0, entries: [SampleKind.kind: entry]).violations(isQuiet: false)
        #expect(violations.map(\.stage) == [.batches])
        #expect(violations.map(\.unaccounted) == [-1])
    }

    @Test("differences and sums undo each other, and kinds that did nothing are left out")
    func differences() {
        var later = closed()
        later.attempted += 7
        later.filtered += 7
        let delta = later.since(closed())
        #expect(delta.attempted == 7)
        var sum = closed()
        sum.add(delta)
        #expect(sum == later)
        let before = LedgerSnapshot(takenAtNs: 0, entries: [SampleKind.kind: closed(), .ledger: closed()])
        let after = LedgerSnapshot(takenAtNs: 1, entries: [SampleKind.kind: later, .ledger: closed()])
        #expect(after.since(before) == [SampleKind.kind: delta])
    }

    @Test("counters reach the entry of their kind")
    func counters() {
        let ledger = Ledger()
        for (index, count) in Ledger.Count.allCases.enumerated() {
            ledger.add(count, SampleKind.kind, UInt64(index + 1))
        }
        var entry = LedgerEntry()
        ledger.read(into: &entry, SampleKind.kind)
        #expect(
            [entry.received, entry.malformed, entry.aggregated, entry.shed, entry.failed, entry.archived] == [
                1, 2, 3, 4, 5, 6,
            ]
        )
        var other = LedgerEntry()
        ledger.read(into: &other, .ledger)
        #expect(other.isEmpty)
    }
}
