import Synchronization
import TapioBPF
import TapioCollectors
import TapioEvents
import Testing

@testable import TapioPipeline

@Suite("Names that are found when a batch is handed over", .serialized, .timeLimit(.minutes(2)))
struct LaterNamesTests {
    /// Knows no name when it is asked first, and a name for each port when it is asked again.
    private final class SlowLookup: EnrichmentLookup {
        let questions = Atomic<Int>(0)

        func id(for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
            EnrichmentID(owner: 1, name: TextTable.late, service: TextTable.disabled)
        }

        func laterID(_ id: EnrichmentID, for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
            questions.add(1, ordering: .relaxed)
            var later = id
            later.name =
                record.uint16(at: MemoryLayout<tapio_tcp>.offset(of: \.dst_port)!) % 2 == 0
                ? TextTable.firstText : TextTable.absent
            return later
        }

        var table: EnrichmentTable {
            var names = TextTable()
            names.set(TextTable.firstText, Array("even.example".utf8))
            let owners = EnrichmentTable(entries: [["c1"].map { Array($0.utf8) }])
            return EnrichmentTable(owners, names: names, services: TextTable())
        }
    }

    @Test("each row gets the name of its own record, and keeps whose it is; beyond a bound they stay late")
    func later() async throws {
        let registry = CollectorRegistry.schemas
        let kind = EventKind(Int(TAPIO_KIND_TCP_CONNECT))
        let plane = MemoryPlane(capacity: 8 << 20)
        let lookup = SlowLookup()
        let ledger = Ledger()
        var configuration = PipelineConfiguration()
        configuration.batch = RowBatch.Limits(rows: 100_000, bytes: 8 << 20)
        configuration.reader.tuning.maxBatchAgeNs = 3_600_000_000_000
        let pipeline = try Pipeline(
            configuration: configuration,
            planes: [plane],
            registry: registry,
            ledger: ledger,
            clock: ClockOffset.measure(),
            enrichment: lookup
        )
        try pipeline.start()
        let rows = LaneIntake.mostNameless + 100
        for row in 0..<rows {
            var record = tapio_tcp()
            record.header.time_ns = UInt64(ClockOffset.bootNow())
            record.header.kind = kind.rawValue
            record.header.priority = Priority.normal.rawValue
            record.header.keep = UInt32(TAPIO_KEEP_ALL)
            record.dst_port = UInt16(row + 1)
            plane.submitAll(withUnsafeBytes(of: record) { Array($0) }, .bulk)
        }
        let consumer = Consumer()
        async let reading: Void = consumer.run(pipeline.batches, ledger: ledger)
        await pipeline.stop(within: .seconds(30))
        await reading
        let columns: Set = ["dst_port", "dst_name", "dst_name_status", "dst_service_status", "container_id"]
        let found = try consumer.batches.flatMap { batch in
            try DecodedGroup(batch, registry: registry, columns: columns).rows
        }
        #expect(found.count == rows)
        #expect(lookup.questions.load(ordering: .relaxed) == LaneIntake.mostNameless)
        for row in found {
            guard case .int(let port)? = row["dst_port"] else {
                Issue.record("a row without port")
                continue
            }
            #expect(row["container_id"] == .string("c1") && row["dst_service_status"] == .string("disabled"))
            let isAsked = port <= Int64(LaneIntake.mostNameless)
            let status = isAsked ? (port % 2 == 0 ? "hit" : "absent") : "late"
            #expect(row["dst_name_status"] == .string(status))
            #expect(row["dst_name"] == (status == "hit" ? .string("even.example") : nil))
        }
    }
}
