import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioRings
import Testing

@testable import TapioPipeline

@Suite(.serialized, .timeLimit(.minutes(4))) struct PipelineTests {
    private let registry = CollectorRegistry.schemas
    private let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
    private let fork = EventKind(Int(TAPIO_KIND_PROCESS_FORK))
    private let exit = EventKind(Int(TAPIO_KIND_PROCESS_EXIT))

    private func configuration(rows: Int, queued: Int = 4) -> PipelineConfiguration {
        var configuration = PipelineConfiguration()
        configuration.batch = RowBatch.Limits(rows: rows, bytes: 1 << 20)
        configuration.maxQueuedBatches = queued
        configuration.maxEncodedBatches = 2
        configuration.encoders = 2
        configuration.reader.backpressure = .holdRings
        configuration.reader.tuning.idleIntervalNs = 5_000_000
        configuration.reader.tuning.maxBatchAgeNs = 3_600_000_000_000
        return configuration
    }

    private func forkRecord(cpu: UInt16 = 0) -> [UInt8] {
        var record = tapio_process_fork()
        record.header.time_ns = UInt64(ClockOffset.bootNow())
        record.header.kind = fork.rawValue
        record.header.priority = Priority.normal.rawValue
        record.header.keep = UInt32(TAPIO_KEEP_ALL)
        record.header.cpu = cpu
        return withUnsafeBytes(of: record) { Array($0) }
    }

    private func exitRecord(cpu: UInt16 = 0) -> [UInt8] {
        var record = tapio_process_exit()
        record.header.time_ns = UInt64(ClockOffset.bootNow())
        record.header.kind = exit.rawValue
        record.header.priority = Priority.high.rawValue
        record.header.keep = UInt32(TAPIO_KEEP_ALL)
        record.header.cpu = cpu
        return withUnsafeBytes(of: record) { Array($0) }
    }

    /// The agent's side of the ledger, closed: everything received is settled.
    private func expectClosed(
        _ ledger: Ledger,
        _ kind: EventKind,
        submitted: UInt64,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var entry = LedgerEntry()
        ledger.read(into: &entry, kind)
        #expect(entry.received == submitted, sourceLocation: sourceLocation)
        #expect(entry.inBatches == 0, "\(entry)", sourceLocation: sourceLocation)
    }

    @Test("two CPUs, both lanes, small batches: every record is archived once, and stop drains all")
    func everything() async throws {
        let plane = MemoryPlane(cpus: 2, capacity: 1 << 16)
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: configuration(rows: 100),
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        let count = 5_000
        let writers = try (0..<2).map { cpu in
            try PinnedThread(name: "writer-\(cpu)") {
                for number in 0..<count {
                    plane.submitAll(forkRecord(cpu: UInt16(cpu)), cpu: cpu, .bulk)
                    if number % 5 == 0 { plane.submitAll(exitRecord(cpu: UInt16(cpu)), cpu: cpu, .urgent) }
                }
            }
        }
        for writer in writers { writer.join() }
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: UInt64(2 * count))
        expectClosed(ledger, exit, submitted: UInt64(2 * count / 5))
        let (all, fifth) = (Array(0..<UInt64(count)), Array(0..<UInt64(count / 5)))
        #expect(try consumer.sequences(registry, lane: .bulk) == [0: all, 1: all])
        #expect(try consumer.sequences(registry, lane: .urgent) == [0: fifth, 1: fifth])
        let statistics = pipeline.statistics
        #expect(statistics.outstandingBatches == 0 && statistics.queuedBatches == 0)
        for ring in statistics.readers.flatMap(\.rings) { #expect(ring.received == ring.nextSequence) }
        #expect(statistics.encoders.rows == UInt64(2 * count + 2 * count / 5))
        #expect(statistics.readers.reduce(0) { $0 + $1.shedBatches } == 0)
        #expect(statistics.latency.count > 0)
        #expect(statistics.pool.existing <= statistics.pool.most)
    }

    @Test("several readers, several encoders: whoever is free takes a batch, and every record is archived once")
    func severalReaders() async throws {
        let planes = (0..<3).map { _ in MemoryPlane(capacity: 1 << 16) }
        let ledger = Ledger()
        var configuration = configuration(rows: 100)
        configuration.encoders = 2
        let pipeline = try Pipeline(
            configuration: configuration,
            planes: planes,
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        let count = 4_000
        let writers = try planes.enumerated().map { number, plane in
            try PinnedThread(name: "writer-\(number)") {
                for _ in 0..<count { plane.submitAll(forkRecord(cpu: UInt16(number)), .bulk) }
            }
        }
        for writer in writers { writer.join() }
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: UInt64(3 * count))
        let all = Array(0..<UInt64(count))
        #expect(try consumer.sequences(registry, lane: .bulk) == [0: all, 1: all, 2: all])
        #expect(pipeline.statistics.readers.map(\.lanes[1].records) == [4_000, 4_000, 4_000])
        // The third reader has no encoder of its own.
        #expect(pipeline.statistics.stolenBatches > 0)
        #expect(pipeline.statistics.pool.buffers.medium.inUse == 0, "all memory is back")
    }

    @Test("with nobody to write, the queue fills, the rings overflow, and nothing that was taken over is lost")
    func backpressure() async throws {
        let plane = MemoryPlane(capacity: 1 << 16)
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: configuration(rows: 50, queued: 2),
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        try pipeline.start()
        // Until the ring refuses: queue, encoders and hand-over are full then.
        while plane.source(.bulk).refused == 0 { plane.submit(forkRecord(), .bulk) }
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        await pipeline.stop(within: .seconds(60))
        await consumed
        let submitted = plane.source(.bulk).submitted
        expectClosed(ledger, fork, submitted: submitted)
        #expect(ledger.value(.shed, fork) == 0)
        #expect(try consumer.sequences(registry, lane: .bulk) == [0: Array(0..<submitted)])
        #expect(pipeline.statistics.readers[0].lanes[Int(Lane.bulk.rawValue)].blockedPasses > 0)
    }

    @Test("bulk that fills the queue is shed for urgent, which is never shed, and the ledger says how many")
    func shedding() async throws {
        let plane = MemoryPlane(capacity: 1 << 16)
        let ledger = Ledger()
        var configuration = configuration(rows: 50, queued: 2)
        configuration.reader.backpressure = .shedOldestBulk(afterNs: 1_000_000)
        let pipeline = try Pipeline(
            configuration: configuration,
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        try pipeline.start()
        while ledger.value(.shed, fork) == 0 { plane.submit(forkRecord(), .bulk) }
        for _ in 0..<60 { plane.submitAll(exitRecord(), .urgent) }
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: plane.source(.bulk).submitted)
        expectClosed(ledger, exit, submitted: 60)
        #expect(ledger.value(.shed, exit) == 0)
        #expect(ledger.value(.archived, exit) == 60)
        #expect(ledger.value(.shed, fork) > 0)
        #expect(pipeline.statistics.readers[0].shedBatches > 0)
    }

    @Test("an end without time sheds what finds no place, and still says so")
    func hastyEnd() async throws {
        let plane = MemoryPlane(capacity: 1 << 16)
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: configuration(rows: 50, queued: 2),
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        try pipeline.start()
        while plane.source(.bulk).refused == 0 { plane.submit(forkRecord(), .bulk) }
        let consumer = Consumer()
        async let stopped: Void = pipeline.stop(within: .zero)
        // The readers end without a consumer; the encoders need one.
        while pipeline.statistics.readers.first?.rings.contains(where: { $0.pendingBytes > 0 }) ?? true {
            await Task.yield()
        }
        await consumer.run(pipeline.batches, ledger: ledger)
        await stopped
        expectClosed(ledger, fork, submitted: plane.source(.bulk).submitted)
        #expect(ledger.value(.shed, fork) > 0)
    }

    @Test("malformed records are counted by kind and reason, and the good ones beside them get through")
    func malformed() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: configuration(rows: 100),
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        var unknown = forkRecord()
        unknown[RecordCheck.kindOffset] = 255
        plane.submit(forkRecord(), .bulk)
        plane.submit(forkRecord() + [0], .bulk)
        plane.submit(Array(forkRecord().dropLast(8)), .bulk)
        plane.submit(unknown, .bulk)
        plane.submit([1, 2, 3], .bulk)
        plane.submit(forkRecord(), .bulk)
        try pipeline.start()
        await pipeline.stop(within: .seconds(60))
        await consumed
        expectClosed(ledger, fork, submitted: 4)
        #expect(ledger.value(.malformed, fork) == 2)
        #expect(ledger.value(.archived, fork) == 2)
        let unknownKind = EventKind(rawValue: 255)
        expectClosed(ledger, unknownKind, submitted: 1)
        let counted = Set(pipeline.statistics.malformed)
        #expect(
            counted == [
                MalformedCount(kind: fork, fault: .tooLong, count: 1),
                MalformedCount(kind: fork, fault: .tooShort, count: 1),
                MalformedCount(kind: unknownKind, fault: .unknownKind, count: 1),
                MalformedCount(kind: .ledger, fault: .tooShort, count: 1),
            ]
        )
    }

    @Test("a seal hands over what is open, and returns when it is written")
    func seal() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: configuration(rows: 1000),
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        for _ in 0..<10 { plane.submit(forkRecord(), .bulk) }
        for _ in 0..<5 { plane.submit(exitRecord(), .urgent) }
        await pipeline.seal()
        #expect(ledger.value(.archived, fork) == 10)
        #expect(ledger.value(.archived, exit) == 5)
        await pipeline.seal()
        #expect(consumer.batches.count == 2, "nothing was open")
        await pipeline.stop(within: .seconds(60))
        await consumed
    }

    @Test("a batch is handed over when it is old enough, full or not")
    func age() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        var configuration = configuration(rows: 1000)
        configuration.reader.tuning.maxBatchAgeNs = 20_000_000
        let pipeline = try Pipeline(
            configuration: configuration,
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        plane.submit(exitRecord(), .urgent)
        await consumer.waitForBatches(1)
        #expect(ledger.value(.archived, exit) == 1)
        await pipeline.stop(within: .seconds(60))
        await consumed
    }

    @Test("without a consumer that ever comes, rows that can't be handed over are counted as failed")
    func noConsumer() async throws {
        let plane = MemoryPlane()
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: configuration(rows: 10),
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        try pipeline.start()
        let task = Task { for await _ in pipeline.batches {} }
        task.cancel()
        await task.value
        for _ in 0..<100 { plane.submitAll(forkRecord(), .bulk) }
        await pipeline.stop(within: .seconds(60))
        expectClosed(ledger, fork, submitted: 100)
        #expect(ledger.value(.failed, fork) == 100)
    }
}
