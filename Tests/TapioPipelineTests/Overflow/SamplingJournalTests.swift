import TapioEvents
import Testing

@testable import TapioPipeline

@Suite("What is written and told of sampling") struct SamplingJournalTests {
    private let kind = VirtualKinds.normal
    private let other = VirtualKinds.low

    private func change(
        _ kind: EventKind,
        _ from: Rung,
        _ to: Rung,
        _ cause: PressureCause = .bulkRing
    )
        -> OverflowLadder.Change
    {
        OverflowLadder.Change(kind: kind, from: from, to: to, cause: cause)
    }

    @Test("a ledger interval has one row for each kind, with its lowest probability and the number of epochs")
    func rows() throws {
        var journal = SamplingJournal()
        journal.note(change(kind, .full, .sampled(0.5)), atNs: 100)
        journal.note(change(other, .full, .countedOnly), atNs: 100)
        journal.note(change(kind, .sampled(0.5), .sampled(0.0125), .export), atNs: 200)
        journal.note(change(kind, .sampled(0.0125), .sampled(0.25), .recovery), atNs: 300)
        let rows = journal.takeRows(nowNs: 1000, registry: VirtualKinds.registry)
        #expect(rows.map(\.kind) == [kind, other])
        let row = try #require(rows.first)
        #expect(row.entry == .sampling)
        #expect(row.fromNs == 100)
        #expect(row.toNs == 1000)
        #expect(row.priority == .normal)
        #expect(row.collector == "virtual")
        #expect(row.reason == "export")
        #expect(row.note == "full -> sampled 0.25, lowest sampled 0.013, 3 epochs")
        #expect(row.counts == nil)
        #expect(rows.last?.note == "full -> counted_only, 1 epochs")
        #expect(journal.takeRows(nowNs: 2000, registry: VirtualKinds.registry).isEmpty)
    }

    @Test("an operator is told once in each direction in ten seconds, and in the end how it is")
    func told() {
        var log = RungLog()
        let second: UInt64 = 1_000_000_000
        #expect(log.due(nowNs: 0).isEmpty)
        log.note(change(kind, .full, .sampled(0.5)))
        #expect(log.due(nowNs: second) == [change(kind, .full, .sampled(0.5))])
        #expect(log.due(nowNs: second).isEmpty)
        // Another probability is no other rung.
        log.note(change(kind, .sampled(0.5), .sampled(0.1)))
        #expect(log.due(nowNs: 2 * second).isEmpty)
        log.note(change(kind, .sampled(0.1), .full, .recovery))
        #expect(log.due(nowNs: 3 * second).map(\.to) == [.full])
        // Down and up again, over and over, within ten seconds: no more lines.
        for step in 4..<11 as Range<UInt64> {
            log.note(change(kind, .full, .countedOnly))
            #expect(log.due(nowNs: step * second).isEmpty)
            log.note(change(kind, .countedOnly, .full, .recovery))
            #expect(log.due(nowNs: step * second).isEmpty)
        }
        log.note(change(kind, .full, .countedOnly))
        #expect(log.due(nowNs: 10 * second).isEmpty)
        // Where it stays down, that is told as soon as may be, without another step.
        #expect(log.due(nowNs: 11 * second).map(\.to) == [.countedOnly])
    }

    @Test("rungs say what they keep")
    func rungs() {
        #expect(Rung.full.keepFraction == 1 << 30)
        #expect(Rung.countedOnly.keepFraction == 0)
        #expect(Rung.sampled(0.25).keepFraction == 1 << 28)
        #expect(Rung.aggregated(1).keepFraction == 1 << 30)
        #expect(Rung.sampled(1e-30).keepFraction == 1, "what is above 0 keeps something")
        #expect(Rung.drawable(0.25) == 0.25)
        #expect(abs(Rung.drawable(0.1) - 0.1) < 1e-9)
        #expect(Rung.aggregated(0.001).text == "aggregated 0.001")
    }
}
