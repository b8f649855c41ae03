import TapioBPF
import TapioCollectors
import TapioEvents
import TapioRings
import Testing

@testable import TapioPipeline

@Suite(.timeLimit(.minutes(1))) struct EventTapTests {
    private let registry = CollectorRegistry.schemas
    private let clock = ClockOffset(utcMinusBootNs: 0)

    private func chunk(_ tap: EventTap, seed: UInt64, rows: Int) -> [UInt64] {
        var writer = TapWriter(tap)
        var source = RandomRecords(registry, seed: seed)
        var numbers: [UInt64] = []
        for _ in 0..<rows {
            let record = source.next(includingLedger: false)
            numbers.append(source.sequence - 1)
            writer.append(record.span.bytes)
        }
        writer.flush()
        return numbers
    }

    @Test("a watcher sees what is read, in order, decoded")
    func watching() async {
        let tap = EventTap(registry: registry, clock: CurrentClock(clock))
        #expect(!tap.isWatched)
        let events = tap.events()
        #expect(tap.isWatched)
        let numbers = chunk(tap, seed: 1, rows: 50)
        tap.close()
        tap.run()
        var seen: [EventValue] = []
        for await some in events {
            seen += some.events.map { $0["seq"] }
            #expect(some.skipped == 0)
        }
        #expect(seen == numbers.map { .int(Int64($0)) })
        #expect(tap.statistics.shown == 50)
    }

    @Test("a watcher of some kinds sees only those")
    func kinds() async {
        let tap = EventTap(registry: registry, clock: CurrentClock(clock))
        let events = tap.events(of: [EventKind(Int(TAPIO_KIND_PROCESS_FORK))])
        _ = chunk(tap, seed: 2, rows: 200)
        tap.close()
        tap.run()
        var kinds: Set<EventValue> = []
        for await some in events { kinds.formUnion(some.events.map { $0["kind"] }) }
        #expect(kinds == [.string("process_fork")])
    }

    @Test("what the view can't follow is skipped and counted")
    func skipping() async {
        let tap = EventTap(registry: registry, clock: CurrentClock(clock))
        let events = tap.events()
        // More than all chunks together hold, and nobody decodes.
        let rows = EventTap.chunkRows * EventTap.chunks * 3 / 2
        _ = chunk(tap, seed: 3, rows: rows)
        #expect(tap.statistics.skipped > 0)
        tap.close()
        tap.run()
        var shown = 0
        var skipped: UInt64 = 0
        for await some in events {
            shown += some.events.count
            skipped = some.skipped
        }
        #expect(shown + Int(skipped) == rows)
        #expect(tap.statistics.skipped == skipped)
    }

    @Test("a watcher that goes away leaves no cost behind")
    func leaving() async {
        let tap = EventTap(registry: registry, clock: CurrentClock(clock))
        let task = Task { for await _ in tap.events() {} }
        while !tap.isWatched { await Task.yield() }
        task.cancel()
        await task.value
        #expect(!tap.isWatched)
        tap.close()
        tap.run()
        var count = 0
        for await _ in tap.events() { count += 1 }
        #expect(count == 0, "a closed view ends at once")
    }

    @Test("who observes gets every record once, with what is known beside it, and leaves no cost behind")
    func observing() {
        let tap = EventTap(registry: registry, clock: CurrentClock(clock))
        let seen = Guarded<[(sequence: UInt64, id: EnrichmentID)]>([])
        let observation = tap.observe { batch in
            for row in 0..<batch.rowCount {
                let sequence = batch.withRecord(at: row) { $0.uint64(at: 8) }
                seen.withLock { $0.append((sequence, batch.enrichmentID(at: row))) }
            }
        }
        #expect(tap.isWatched && !observation.isOver)
        var writer = TapWriter(tap)
        var source = RandomRecords(registry, seed: 5)
        for number in 0..<3000 {
            writer.append(source.next(includingLedger: false).span.bytes, EnrichmentID(owner: UInt16(number)))
        }
        writer.flush()
        tap.close()
        tap.run()
        let all = seen.withLock { $0 }
        #expect(all.map(\.sequence) == (0..<3000).map { UInt64($0) })
        #expect(all.map(\.id) == (0..<3000).map { EnrichmentID(owner: UInt16($0)) })
        #expect(observation.skipped == 0 && observation.isOver)
        observation.cancel()
        observation.cancel()
        #expect(!tap.isWatched)
        #expect(tap.observe { _ in }.isOver, "a closed view ends at once")
    }

    @Test("an observer is told how many records it was not shown, and goes away with its observation")
    func observingLate() {
        let tap = EventTap(registry: registry, clock: CurrentClock(clock))
        var observation: TapObservation? = tap.observe { _ in }
        let rows = EventTap.chunkRows * EventTap.chunks * 3 / 2
        _ = chunk(tap, seed: 6, rows: rows)
        #expect((observation?.skipped ?? 0) > 0)
        #expect(tap.observe { _ in }.skipped == 0, "what was before does not concern it")
        observation = nil
        #expect(!tap.isWatched)
    }
}
