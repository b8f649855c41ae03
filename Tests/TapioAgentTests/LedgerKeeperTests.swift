import TapioEvents
import TapioPipeline
import Testing

@testable import TapioAgent

@Suite("Ledger rows")
struct LedgerKeeperTests {
    private let registry = SchemaRegistry([])
    private let kind = EventKind(rawValue: 16)

    private func reading(_ at: Int64, attempted: UInt64, ringFull: [UInt64] = [], archived: UInt64 = 0) -> LedgerReading
    {
        var entry = LedgerEntry()
        entry.attempted = attempted
        entry.ringFull = ringFull.reduce(0, +)
        entry.submitted = attempted - entry.ringFull
        entry.received = entry.submitted
        entry.archived = archived
        return LedgerReading(
            snapshot: LedgerSnapshot(takenAtNs: at, entries: [kind: entry]),
            ringFull: [kind: ringFull]
        )
    }

    @Test("an interval row holds what was counted since the last written one, and what is still on its way")
    func intervalHoldsDifference() throws {
        var keeper = LedgerKeeper(registry: registry, since: reading(0, attempted: 0))
        let first = reading(10, attempted: 7, archived: 5)
        let rows = keeper.rows(for: first)
        #expect(rows.count == 1)
        #expect(rows.first?.counts?.attempted == 7)
        #expect(rows.first?.inFlight == 2)
        keeper.commit(first)

        let second = keeper.rows(for: reading(20, attempted: 9, archived: 9))
        let row = try #require(second.first)
        #expect(row.counts?.attempted == 2)
        #expect(row.counts?.archived == 4)
        #expect(row.inFlight == 0)
        #expect((row.fromNs, row.toNs) == (10, 20))
    }

    @Test("what could not be written is told later, over the longer time")
    func uncommittedRowsAreKept() {
        var keeper = LedgerKeeper(registry: registry, since: reading(0, attempted: 0))
        keeper.note(lost: 3, of: kind, stage: "archive", reason: "ENOSPC", fromNs: 4, toNs: 5)
        _ = keeper.rows(for: reading(10, attempted: 7))
        keeper.note(lost: 2, of: kind, stage: "archive", reason: "ENOSPC", fromNs: 12, toNs: 13)
        let rows = keeper.rows(for: reading(20, attempted: 8))
        let gaps = rows.filter { $0.entry == .gap }
        #expect(gaps.count == 1)
        #expect(gaps.first?.count == 5)
        #expect(gaps.first?.fromNs == 4 && gaps.first?.toNs == 13)
        #expect(rows.first { $0.entry == .interval }?.counts?.attempted == 8)
    }

    @Test("events lost to a full ring become a gap row for each CPU, and their sum is the interval's count")
    func ringLossByCPU() {
        let keeper = LedgerKeeper(registry: registry, since: reading(0, attempted: 10, ringFull: [1, 0]))
        let rows = keeper.rows(for: reading(10, attempted: 30, ringFull: [4, 6]))
        let gaps = rows.filter { $0.entry == .gap }
        #expect(gaps.map(\.cpu) == [0, 1])
        #expect(gaps.map(\.count) == [3, 6])
        #expect(rows.first { $0.entry == .interval }?.counts?.ringFull == 9)
    }

    @Test("nothing happened, nothing is written")
    func quietIntervalsAreSilent() {
        let keeper = LedgerKeeper(registry: registry, since: reading(0, attempted: 5))
        #expect(!keeper.hasNews(reading(10, attempted: 5)))
        #expect(keeper.rows(for: reading(10, attempted: 5)).isEmpty)
    }

    @Test("notes that wait are bounded, and what was given up is counted")
    func notesAreBounded() {
        var keeper = LedgerKeeper(registry: registry, since: reading(0, attempted: 0))
        for at in 0..<Int64(LedgerKeeper.maxNotes + 3) { keeper.note(LedgerRow(.clock, fromNs: at, toNs: at)) }
        #expect(keeper.rows(for: reading(1, attempted: 0)).count == LedgerKeeper.maxNotes)
        #expect(keeper.droppedNotes == 3)
    }
}
