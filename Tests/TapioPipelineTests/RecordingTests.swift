import Synchronization
import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioPipeline

@Suite("Recordings of what comes from the rings", .serialized, .timeLimit(.minutes(4)))
struct RecordingTests {
    /// Knows owners by cgroup, and names only at the second question.
    private final class Lookup: EnrichmentLookup {
        func id(for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
            EnrichmentID(
                owner: UInt16(record.uint64(at: 16) % 3),
                name: TextTable.late,
                service: TextTable.firstText + UInt16(record.uint64(at: 16) % 2)
            )
        }

        func laterID(_ id: EnrichmentID, for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
            var later = id
            if record.uint64(at: 8) % 2 == 0 { later.name = TextTable.firstText + UInt16(record.uint64(at: 8) % 5) }
            return later
        }

        var table: EnrichmentTable {
            var names = TextTable()
            for number in 0..<5 as Range<UInt16> {
                names.set(TextTable.firstText + number, Array("n\(number).example".utf8))
            }
            var services = TextTable()
            for number in 0..<2 as Range<UInt16> {
                services.set(TextTable.firstText + number, Array("s\(number)".utf8))
            }
            let owners = EnrichmentTable(entries: [["c1"], ["c2"]].map { $0.map { Array($0.utf8) } })
            return EnrichmentTable(owners, names: names, services: services)
        }
    }

    private let registry = CollectorRegistry.schemas
    private let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)

    private func connect(_ number: Int, cpu: Int) -> [UInt8] {
        var record = tapio_tcp()
        record.header.time_ns = UInt64(1_000_000_000 + number * 1_000)
        record.header.cgroup_id = UInt64(number % 7)
        record.header.cpu = UInt16(cpu)
        record.header.pid = UInt32(number % 11 + 1)
        record.header.kind = UInt8(TAPIO_KIND_TCP_CONNECT)
        record.header.priority = Priority.normal.rawValue
        record.header.keep = UInt32(TAPIO_KEEP_ALL)
        record.dst_port = UInt16(number % 3)
        return withUnsafeBytes(of: record) { Array($0) }
    }

    private func exit(_ number: Int) -> [UInt8] {
        var record = tapio_process_exit()
        record.header.time_ns = UInt64(1_000_000_000 + number * 1_000)
        record.header.pid = UInt32(number + 1)
        record.header.kind = UInt8(TAPIO_KIND_PROCESS_EXIT)
        record.header.priority = Priority.high.rawValue
        record.header.keep = UInt32(TAPIO_KEEP_ALL)
        return withUnsafeBytes(of: record) { Array($0) }
    }

    /// Runs records through a pipeline while they are recorded, and returns its row groups.
    private func record(
        _ path: String,
        limitBytes: Int64 = 64 << 20,
        merging: [EventKind] = []
    ) async throws -> (batches: [ArchiveBatch], totals: RecordingTotals) {
        let recorder = try Recorder(path: path, limitBytes: limitBytes, facts: Array("{}".utf8), clock: clock)
        let plane = MemoryPlane(cpus: 2, capacity: 8 << 20)
        let lookup = Lookup()
        let aggregation = AggregationSwitch(registry)
        for kind in merging { aggregation.set(.always, for: kind) }
        let tape = ReaderTape(
            reader: 0,
            recorder: recorder,
            enrichment: lookup,
            aggregation: aggregation,
            registry: registry
        )
        let ledger = Ledger()
        var configuration = PipelineConfiguration()
        configuration.batch = RowBatch.Limits(rows: 1000, bytes: 1 << 20)
        configuration.reader.backpressure = .holdRings
        configuration.reader.tuning.maxBatchAgeNs = 3_600_000_000_000
        let pipeline = try Pipeline(
            configuration: configuration,
            planes: [RecordingPlane(plane, tape: tape)],
            registry: registry,
            ledger: ledger,
            clock: clock,
            enrichment: RecordingEnrichment(lookup, tapes: [tape]),
            aggregation: aggregation
        )
        for number in 0..<5000 {
            plane.submitAll(connect(number, cpu: number % 2), cpu: number % 2, .bulk)
            if number % 10 == 0 { plane.submitAll(exit(number), .urgent) }
        }
        // What no check passes is recorded too: the replay refuses it again.
        plane.submitAll([UInt8](repeating: 0xFF, count: 64), .bulk)
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        await pipeline.stop(within: .seconds(60))
        await consumed
        try recorder.finish([RecordedCounts(EventKind(Int(TAPIO_KIND_TCP_CONNECT)), LedgerEntry())])
        return (consumer.batches, recorder.totals)
    }

    private func replay(_ path: String) throws -> (batches: [ArchiveBatch], ledger: Ledger) {
        let ledger = Ledger()
        var settings = ReplayReader.Settings()
        settings.batch = RowBatch.Limits(rows: 1000, bytes: 1 << 20)
        var batches: [ArchiveBatch] = []
        let reader = ReplayReader(
            registry: registry,
            ledger: ledger,
            settings: settings,
            answers: try ReplayAnswers(path)
        ) { batches.append($0) }
        var recording = try RecordingReader(path)
        while let frame = try recording.next() { try reader.take(frame) }
        try reader.finish()
        return (batches, ledger)
    }

    private func rows(_ batches: [ArchiveBatch]) throws -> [[String: EventValue]: Int] {
        var counts: [[String: EventValue]: Int] = [:]
        for batch in batches {
            for row in try DecodedGroup(batch, registry: registry).rows { counts[row, default: 0] += 1 }
        }
        return counts
    }

    @Test("a replay has the agent's rows, with what was known of each, and twice the same bytes")
    func same() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("a.tapiorec")
        let (original, totals) = try await record(path)
        #expect(totals.records == 5501)
        #expect(totals.dropped == 0)
        #expect(TestFile.list(directory.path) == ["a.tapiorec"])
        let (first, ledger) = try replay(path)
        let (second, _) = try replay(path)
        #expect(first.map { Array($0.group.bytes) } == second.map { Array($0.group.bytes) })
        let expected = try rows(original)
        #expect(try rows(first) == expected)
        #expect(expected.values.reduce(0, +) == 5500)
        #expect(expected.keys.contains { $0["dst_name"] == .string("n4.example") })
        #expect(ledger.value(.malformed, EventKind(rawValue: 0xFF)) == 1)
        #expect(ledger.value(.received, EventKind(Int(TAPIO_KIND_PROCESS_EXIT))) == 500)
    }

    @Test("kinds that the agent merged are merged again: the summaries stand for all events")
    func merged() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("a.tapiorec")
        let kind = EventKind(Int(TAPIO_KIND_TCP_CONNECT))
        _ = try await record(path, merging: [kind])
        let (first, ledger) = try replay(path)
        let (second, _) = try replay(path)
        #expect(first.map { Array($0.group.bytes) } == second.map { Array($0.group.bytes) })
        let total = first.flatMap(\.kinds).filter { $0.kind == kind.rawValue }.reduce(UInt64(0)) { $0 + $1.events }
        #expect(total == 5000)
        #expect(first.flatMap(\.kinds).contains { $0.summaries > 0 })
        #expect(ledger.value(.received, kind) == 5000)
    }

    @Test("what is beyond the bound is left out and counted; what is there can be replayed")
    func bounded() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("a.tapiorec")
        let (original, totals) = try await record(path, limitBytes: 100_000)
        #expect(original.reduce(0) { $0 + $1.group.rowCount } == 5500)
        #expect(totals.records + totals.dropped == 5501)
        #expect(totals.dropped > 0)
        #expect((TestFile.read(path) ?? []).count <= 110_000)
        let answers = try ReplayAnswers(path)
        #expect(answers.totals == totals)
        let (batches, _) = try replay(path)
        let rows = batches.reduce(0) { $0 + $1.group.rowCount }
        #expect(rows <= Int(totals.records))
    }

    @Test("cut anywhere, or with any bit turned, a recording ends in one line that names the file")
    func damaged() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("a.tapiorec")
        _ = try await record(path, limitBytes: 40_000)
        let bytes = try #require(TestFile.read(path))
        let broken = directory.file("b.tapiorec")
        func failure() -> String? {
            do {
                _ = try ReplayAnswers(broken)
                return nil
            } catch {
                return error.description
            }
        }
        for length in stride(from: 0, to: bytes.count, by: 37) {
            TestFile.write(broken, Array(bytes[..<length]))
            let line = failure()
            #expect(line?.contains(broken) == true && line?.contains("\n") == false, "cut at \(length): \(line ?? "-")")
        }
        for place in stride(from: 0, to: bytes.count, by: 41) {
            var turned = bytes
            turned[place] ^= 1 << UInt8(place % 8)
            TestFile.write(broken, turned)
            #expect(failure() != nil, "bit turned at \(place)")
        }
        TestFile.write(broken, bytes + [0])
        #expect(failure()?.contains("bytes follow its end") == true)
    }
}
