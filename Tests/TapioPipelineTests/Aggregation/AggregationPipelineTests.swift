import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioRings
import Testing

@testable import TapioPipeline

@Suite("Merged events in the pipeline", .serialized, .timeLimit(.minutes(2)))
struct AggregationPipelineTests {
    private let registry = CollectorRegistry.schemas
    private let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
    private let fork = EventKind(Int(TAPIO_KIND_PROCESS_FORK))
    private let exit = EventKind(Int(TAPIO_KIND_PROCESS_EXIT))
    private static let hour: UInt64 = 3_600_000_000_000

    private func configuration(rows: Int, queued: Int = 4) -> PipelineConfiguration {
        var configuration = PipelineConfiguration()
        configuration.batch = RowBatch.Limits(rows: rows, bytes: 1 << 20)
        configuration.maxQueuedBatches = queued
        configuration.maxEncodedBatches = 2
        configuration.encoders = 2
        configuration.reader.backpressure = .holdRings
        configuration.reader.tuning.idleIntervalNs = 5_000_000
        configuration.reader.tuning.maxBatchAgeNs = Self.hour
        configuration.reader.tuning.aggregation.windowNs = Self.hour
        return configuration
    }

    private func pipeline(
        _ configuration: PipelineConfiguration,
        _ plane: MemoryPlane,
        _ ledger: Ledger,
        _ aggregation: AggregationSwitch
    ) throws -> Pipeline {
        try Pipeline(
            configuration: configuration,
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock,
            aggregation: aggregation
        )
    }

    private func alwaysOn() -> AggregationSwitch {
        let aggregation = AggregationSwitch(registry)
        for kind in [fork, exit] { aggregation.set(.always, for: kind) }
        return aggregation
    }

    private func record<Record>(_ record: Record, _ kind: EventKind, _ priority: Priority, group: UInt64) -> [UInt8] {
        var bytes = withUnsafeBytes(of: record) { Array($0) }
        var header = tapio_header()
        header.time_ns = UInt64(ClockOffset.bootNow())
        header.kind = kind.rawValue
        header.priority = priority.rawValue
        header.keep = UInt32(TAPIO_KEEP_ALL)
        header.cgroup_id = group
        withUnsafeBytes(of: header) { bytes.replaceSubrange(0..<$0.count, with: $0) }
        return bytes
    }

    private func forkRecord(_ group: UInt64 = 1) -> [UInt8] {
        record(tapio_process_fork(), fork, .normal, group: group)
    }

    private func exitRecord(_ group: UInt64 = 1, durationNs: UInt64 = 5) -> [UInt8] {
        var exited = tapio_process_exit()
        exited.duration_ns = durationNs
        return record(exited, exit, .high, group: group)
    }

    private func expectClosed(
        _ ledger: Ledger,
        _ kind: EventKind,
        submitted: UInt64,
        inFlight: Int64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var entry = LedgerEntry()
        ledger.read(into: &entry, kind)
        #expect(entry.received == submitted, sourceLocation: sourceLocation)
        #expect(entry.inBatches == inFlight, "\(entry)", sourceLocation: sourceLocation)
    }

    /// Events in the archive's rows: alone, and in summaries.
    private func events(_ consumer: Consumer, _ kind: String) throws -> (alone: UInt64, merged: UInt64) {
        var alone: UInt64 = 0
        var merged: UInt64 = 0
        for batch in consumer.batches {
            for row in try DecodedGroup(batch, registry: registry, columns: ["kind", "agg_count"]).rows
            where row["kind"] == .string(kind) {
                if case .int(let count) = row["agg_count"] { merged += UInt64(count) } else { alone += 1 }
            }
        }
        return (alone, merged)
    }

    @Test("one row for the first of a group, one summary for the others, and every event in exactly one of them")
    func stop() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        let pipeline = try pipeline(configuration(rows: 1000), plane, ledger, alwaysOn())
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        for number in 0..<3000 {
            plane.submitAll(forkRecord(UInt64(number % 3)), .bulk)
            if number % 3 == 0 { plane.submitAll(exitRecord(durationNs: UInt64(number)), .urgent) }
        }
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: 3000)
        expectClosed(ledger, exit, submitted: 1000)
        #expect(ledger.value(.archived, fork) == 3 && ledger.value(.aggregated, fork) == 2997)
        #expect(ledger.value(.archived, exit) == 1 && ledger.value(.aggregated, exit) == 999)
        #expect(try events(consumer, "process_fork") == (3, 2997))
        let rows = try consumer.batches.flatMap { try DecodedGroup($0, registry: registry).rows }
        #expect(rows.filter { $0["kind"] == .string("process_fork") }.count == 6)
        let summary = try #require(rows.first { $0["kind"] == .string("process_exit") && $0["agg_count"] != nil })
        #expect(summary["agg_count"] == .int(999) && summary["weight"] == .double(999))
        #expect(summary["agg_min"] == .int(3) && summary["agg_max"] == .int(2997))
        #expect(summary["agg_sum"] == .int(3 * 999 * 1000 / 2))
        #expect(summary["seq"] == .int(1) && summary["duration_ns"] == nil && summary["exit_code"] == .int(0))
        let statistics = pipeline.statistics.readers[0].aggregation
        #expect(statistics.summaries == 4 && statistics.mostGroups == 4 && statistics.evictions == 0)
        #expect(statistics.groups == 0)
    }

    @Test("while a window is open its events are on their way, and a seal ends it")
    func seal() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        let pipeline = try pipeline(configuration(rows: 1000), plane, ledger, alwaysOn())
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        for round in 1...3 as ClosedRange<UInt64> {
            for _ in 0..<100 { plane.submit(forkRecord(), .bulk) }
            while ledger.value(.received, fork) < 100 * round { await Task.yield() }
            expectClosed(ledger, fork, submitted: 100 * round, inFlight: 100)
            await pipeline.seal()
            expectClosed(ledger, fork, submitted: 100 * round)
            #expect(ledger.value(.archived, fork) == round && ledger.value(.aggregated, fork) == 99 * round)
        }
        await pipeline.stop(within: .seconds(60))
        await consumed
        #expect(try events(consumer, "process_fork") == (3, 297))
    }

    @Test("a window ends by itself when its time is over")
    func time() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        var configuration = configuration(rows: 1000)
        configuration.reader.tuning.maxBatchAgeNs = 1_000_000
        configuration.reader.tuning.aggregation.windowNs = 30_000_000
        let pipeline = try pipeline(configuration, plane, ledger, alwaysOn())
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        for _ in 0..<50 { plane.submit(forkRecord(), .bulk) }
        while ledger.value(.aggregated, fork) == 0 { await Task.yield() }
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: 50)
    }

    @Test("the end of the overload ends the window; what comes after is not merged")
    func overload() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        var configuration = configuration(rows: 1000)
        configuration.reader.tuning.maxBatchAgeNs = 1_000_000
        let aggregation = AggregationSwitch(registry)
        let pipeline = try pipeline(configuration, plane, ledger, aggregation)
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        for _ in 0..<10 { plane.submit(forkRecord(), .bulk) }
        while ledger.value(.archived, fork) < 10 { await Task.yield() }
        aggregation.setOverloaded(true, fork)
        // A pass after the change merges; the first of the group is archived soon.
        await pipeline.seal()
        for _ in 0..<20 { plane.submit(forkRecord(), .bulk) }
        while ledger.value(.received, fork) < 30 { await Task.yield() }
        #expect(ledger.value(.archived, fork) <= 11 && ledger.value(.aggregated, fork) == 0)
        aggregation.setOverloaded(false, fork)
        while ledger.value(.aggregated, fork) < 19 { await Task.yield() }
        for _ in 0..<5 { plane.submit(forkRecord(), .bulk) }
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: 35)
        #expect(ledger.value(.archived, fork) == 16 && ledger.value(.aggregated, fork) == 19)
    }

    @Test(
        "more groups than the table holds, in small batches: evictions, and still every event once",
        arguments: [1, 4, 64]
    )
    func evictions(groups: Int) async throws {
        let plane = MemoryPlane(cpus: 2, capacity: 1 << 16)
        let ledger = Ledger()
        var configuration = configuration(rows: 60)
        configuration.reader.tuning.aggregation.maxGroups = groups
        let pipeline = try pipeline(configuration, plane, ledger, alwaysOn())
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        let writers = try (0..<2).map { cpu in
            try PinnedThread(name: "writer-\(cpu)") {
                var random = SplitMix64(state: UInt64(cpu))
                for number in 0..<600 {
                    let group = UInt64.random(in: 0..<100, using: &random)
                    // Two in a row are merged, however small the table.
                    plane.submitAll(forkRecord(group), cpu: cpu, .bulk)
                    plane.submitAll(forkRecord(group), cpu: cpu, .bulk)
                    if number % 4 == 0 { plane.submitAll(exitRecord(group), cpu: cpu, .urgent) }
                }
            }
        }
        // Another size while it runs: what is open ends first.
        var tuning = configuration.reader.tuning
        tuning.aggregation.maxGroups = groups + 3
        pipeline.update(tuning)
        for writer in writers { writer.join() }
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: 2400)
        expectClosed(ledger, exit, submitted: 300)
        let found = try events(consumer, "process_fork")
        #expect(found.alone == ledger.value(.archived, fork) && found.merged == ledger.value(.aggregated, fork))
        #expect(found.alone + found.merged == 2400 && found.merged > 0)
        let statistics = pipeline.statistics
        #expect(statistics.readers[0].aggregation.evictions > 0)
        #expect(statistics.readers[0].aggregation.mostGroups <= UInt64(2 * (groups + 3)))
        for ring in statistics.readers.flatMap(\.rings) { #expect(ring.received == ring.nextSequence) }
    }

    @Test("summaries that are shed count as their events")
    func shed() async throws {
        let plane = MemoryPlane(capacity: 1 << 16)
        let ledger = Ledger()
        var configuration = configuration(rows: 50, queued: 2)
        configuration.reader.backpressure = .shedOldestBulk(afterNs: 1_000_000)
        configuration.reader.tuning.aggregation.maxGroups = 4
        let pipeline = try pipeline(configuration, plane, ledger, alwaysOn())
        try pipeline.start()
        var group: UInt64 = 0
        while ledger.value(.shed, fork) == 0 {
            group += 1
            for _ in 0..<10 { plane.submit(forkRecord(group), .bulk) }
        }
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: plane.source(.bulk).submitted)
        let found = try events(consumer, "process_fork")
        #expect(found.alone == ledger.value(.archived, fork) && found.merged == ledger.value(.aggregated, fork))
        // A batch of 50 rows: summaries among them stand for more.
        #expect(ledger.value(.shed, fork) > pipeline.statistics.readers[0].shedBatches * 50)
    }

    @Test("an end without time sheds what the windows hold, and says so")
    func hastyEnd() async throws {
        let plane = MemoryPlane(capacity: 1 << 16)
        let ledger = Ledger()
        let pipeline = try pipeline(configuration(rows: 50, queued: 2), plane, ledger, alwaysOn())
        try pipeline.start()
        var group: UInt64 = 0
        while plane.source(.bulk).refused == 0 {
            group += 1
            for _ in 0..<2 { plane.submit(forkRecord(group), .bulk) }
        }
        let consumer = Consumer()
        async let stopped: Void = pipeline.stop(within: .zero)
        while pipeline.statistics.readers.first?.rings.contains(where: { $0.pendingBytes > 0 }) ?? true {
            await Task.yield()
        }
        await consumer.run(pipeline.batches, ledger: ledger)
        await stopped
        expectClosed(ledger, fork, submitted: plane.source(.bulk).submitted)
        #expect(ledger.value(.shed, fork) > 0)
    }

    @Test("summaries that nobody takes count as failed, with all their events")
    func failed() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        let pipeline = try pipeline(configuration(rows: 10), plane, ledger, alwaysOn())
        try pipeline.start()
        let task = Task { for await _ in pipeline.batches {} }
        task.cancel()
        await task.value
        for number in 0..<100 { plane.submitAll(forkRecord(UInt64(number % 2)), .bulk) }
        await pipeline.stop(within: .seconds(60))
        expectClosed(ledger, fork, submitted: 100)
        #expect(ledger.value(.failed, fork) == 100)
    }

    @Test("the benchmark merges what it says, and evicts beyond the window's size")
    func benchmark() {
        var options = AggregateBenchmark.Options()
        options.events = 20_000
        options.groups = 100
        options.window = 8192
        let few = AggregateBenchmark(registry: registry, options: options).run()
        #expect(few.events == 20_000 && few.evictions == 0)
        #expect(few.merged == 20_000 - 300 && few.summaries >= 200)
        options.groups = 1000
        options.capacity = 10
        let many = AggregateBenchmark(registry: registry, options: options).run()
        #expect(many.evictions > 10_000 && many.events == 20_000)
    }
}
