import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import Testing

@testable import TapioPipeline

@Suite struct BatchEncoderTests {
    private let registry = CollectorRegistry.schemas
    private let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_123_456_789)

    /// What the decoder says of a record, which the archive has to say as well.
    private func expected(_ record: [UInt8]) -> [String: EventValue] {
        let event = RecordDecoder(registry).decode(record.span.bytes, clock: clock)
        return Dictionary(uniqueKeysWithValues: event.values.map { ($0.column.name, $0.value) })
    }

    private func number(of row: [String: EventValue]) -> UInt64? {
        guard case .int(let value) = row["seq"] else { return nil }
        return UInt64(bitPattern: value)
    }

    @Test(
        "each record becomes one row with the values that the decoder gives",
        arguments: [1, 2, 3, 63, 64, 65, 500, 4000]
    )
    func roundTrip(count: Int) throws {
        var source = RandomRecords(registry, seed: UInt64(count))
        let records = (0..<count).map { _ in source.next() }
        let batch = RowBatch(limits: RowBatch.Limits(rows: count))
        for record in records { #expect(batch.append(bytes: record)) }
        let encoder = BatchEncoder(registry: registry)
        // Twice: memory of the first batch must not show in the second.
        _ = encoder.encode(batch, clock: clock)
        let encoded = encoder.encode(batch, clock: clock)
        let decoded = try DecodedGroup(encoded, registry: registry)
        #expect(decoded.rows.count == count)
        var seen: Set<UInt64> = []
        for row in decoded.rows {
            let sequence = try #require(number(of: row))
            #expect(seen.insert(sequence).inserted)
            let want = expected(records[Int(sequence)])
            #expect(row == want, "row of record \(sequence)")
            if row != want { break }
        }
        #expect(encoded.kinds.map(\.rows).reduce(0, +) == count)
        for total in encoded.kinds {
            let rows = decoded.rows.filter { $0["kind"] == .string(total.name) }
            #expect(rows.count == total.rows)
            let weights = rows.map { row in if case .double(let weight) = row["weight"] { weight } else { -1.0 } }
            #expect(abs(weights.reduce(0, +) - total.weight) <= 1e-9 * total.weight)
        }
    }

    @Test("rows are ordered by kind, cgroup and pid, and within that as they came")
    func order() throws {
        var source = RandomRecords(registry, seed: 42)
        let batch = RowBatch(limits: RowBatch.Limits(rows: 3000))
        for _ in 0..<3000 {
            var record = source.next(includingLedger: false)
            for index in 0..<8 { record[16 + index] = 0 }
            record[16] = UInt8.random(in: 0..<5, using: &source.random)
            for index in 0..<4 { record[24 + index] = 0 }
            record[24] = UInt8.random(in: 0..<5, using: &source.random)
            record[26] = UInt8.random(in: 0..<3, using: &source.random)
            #expect(batch.append(bytes: record))
        }
        let decoded = try DecodedGroup(BatchEncoder(registry: registry).encode(batch, clock: clock), registry: registry)
        struct Place: Hashable {
            var kind: EventValue?
            var cgroup: EventValue?
        }
        var finished: Set<Place> = []
        var last: (place: Place, pid: Int64, seq: UInt64)?
        for row in decoded.rows {
            let place = Place(kind: row["kind"], cgroup: row["cgroup_id"])
            guard case .int(let pid) = row["pid"], let seq = number(of: row) else {
                Issue.record("a row without pid or seq")
                return
            }
            if let last, last.place == place {
                #expect((last.pid, last.seq) < (pid, seq))
            } else {
                #expect(finished.insert(place).inserted, "kind and cgroup are in one piece")
            }
            last = (place, pid, seq)
        }
    }

    @Test("a byte that names no priority makes an empty text, not a crash")
    func unknownPriority() throws {
        var source = RandomRecords(registry, seed: 7)
        let batch = RowBatch(limits: RowBatch.Limits(rows: 2))
        for priority in [UInt8(1), 200] {
            var record = source.next(includingLedger: false)
            record[MemoryLayout<tapio_header>.offset(of: \.priority)!] = priority
            #expect(batch.append(bytes: record))
        }
        let decoded = try DecodedGroup(BatchEncoder(registry: registry).encode(batch, clock: clock), registry: registry)
        #expect(Set(decoded.rows.map { $0["priority"] }) == [.string("high"), .string("")])
    }

    @Test("enrichment ids become their texts; unknown and empty ones become null")
    func enrichment() throws {
        var source = RandomRecords(registry, seed: 9)
        let entries: [EnrichmentTable.Entry] = [
            ["c1", "pod-a", "default", "web"].map { Array($0.utf8) },
            ["c2", "", "kube-system", ""].map { Array($0.utf8) },
        ]
        let batch = RowBatch(limits: RowBatch.Limits(rows: 100))
        let ids: [UInt16] = [0, 1, 2, 77]
        for row in 0..<100 {
            let record = source.next(includingLedger: false)
            #expect(batch.append(bytes: record, enrichmentID: EnrichmentID(owner: ids[row % 4])))
        }
        batch.enrichment = EnrichmentTable(entries: entries)
        let decoded = try DecodedGroup(BatchEncoder(registry: registry).encode(batch, clock: clock), registry: registry)
        // Kinds that themselves tell of pods fill these columns from their records.
        let tellers = registry.schemas.filter { schema in
            schema.fields.contains { $0.column.name == "pod" && $0.source != .enrichment(.pod) }
        }.map { EventValue.string($0.name) }
        #expect(tellers.count >= 3)
        for row in decoded.rows where !tellers.contains(row["kind"] ?? .null) {
            let id = ids[Int(try #require(number(of: row))) % 4]
            let want: [String?] =
                switch id {
                case 1: ["c1", "pod-a", "default", "web"]
                case 2: ["c2", nil, "kube-system", nil]
                default: [nil, nil, nil, nil]
                }
            let got = ["container_id", "pod", "namespace", "service"].map { row[$0] }
            #expect(got == want.map { $0.map { EventValue.string($0) } })
        }
    }

    @Test(
        "names and services of the other end become their columns, in kinds that have one; statuses say why there is none"
    )
    func remote() throws {
        var source = RandomRecords(registry, seed: 10)
        var (names, services) = (TextTable(), TextTable())
        names.set(TextTable.firstText, Array("a.test".utf8))
        names.set(40_000, Array("b.test".utf8))
        services.set(TextTable.firstText, Array("shop/web".utf8))
        let batch = RowBatch(limits: RowBatch.Limits(rows: 100))
        let connect = try #require(registry.schema(named: "tcp_connect"))
        let exec = try #require(registry.schema(named: "process_exec"))
        let ids = [
            EnrichmentID(owner: 0, name: TextTable.firstText, service: TextTable.firstText),
            EnrichmentID(owner: 0, name: 40_000, service: TextTable.absent),
            EnrichmentID(owner: 1, name: TextTable.late, service: TextTable.disabled),
            EnrichmentID(owner: 1, name: TextTable.expired), EnrichmentID.none,
        ]
        for id in ids { #expect(batch.append(bytes: source.next(connect), enrichmentID: .none) && id.owner < 2) }
        for (row, id) in ids.enumerated() {
            batch.setEnrichmentID(id, at: row)
            #expect(batch.enrichmentID(at: row) == id)
            #expect(batch.withRecord(at: row) { $0.byteCount } == connect.fixedSize)
        }
        #expect(batch.append(bytes: source.next(exec), enrichmentID: ids[0]))
        batch.enrichment = EnrichmentTable(
            EnrichmentTable(entries: [["c1"].map { Array($0.utf8) }]),
            names: names,
            services: services
        )
        let decoded = try DecodedGroup(BatchEncoder(registry: registry).encode(batch, clock: clock), registry: registry)
        let columns = ["container_id", "dst_name", "dst_name_status", "dst_service", "dst_service_status"]
        func row(_ number: Int) throws -> [String?] {
            let row = try #require(decoded.rows.first { $0["seq"] == .int(Int64(number)) })
            return columns.map { column in
                guard case .string(let text)? = row[column] else { return nil }
                return text
            }
        }
        #expect(try row(0) == [nil, "a.test", "hit", "shop/web", "hit"])
        #expect(try row(1) == [nil, "b.test", "hit", nil, "absent"])
        #expect(try row(2) == ["c1", nil, "late", nil, "disabled"])
        #expect(try row(3) == ["c1", nil, "expired", nil, nil])
        #expect(try row(4) == [nil, nil, nil, nil, nil])
        #expect(try row(5) == [nil, nil, nil, nil, nil])
    }

    @Test("an empty batch is a group without rows")
    func empty() throws {
        let encoded = BatchEncoder(registry: registry).encode(RowBatch(limits: RowBatch.Limits(rows: 1)), clock: clock)
        #expect(encoded.group.rowCount == 0)
        #expect(encoded.kinds.isEmpty)
    }

    @Test("the batch's span of time is that of its rows, in UTC")
    func times() {
        let batch = RowBatch(limits: RowBatch.Limits(rows: 4))
        for time in [5_000, 1_000, 9_000] as [UInt64] {
            var record = tapio_process_fork()
            record.header.kind = UInt8(TAPIO_KIND_PROCESS_FORK)
            record.header.time_ns = time
            #expect(batch.append(bytes: withUnsafeBytes(of: record) { Array($0) }))
        }
        batch.sequence = 12
        batch.lane = .bulk
        let encoded = BatchEncoder(registry: registry).encode(batch, clock: clock)
        #expect(encoded.minTimestampNs == clock.utcMinusBootNs + 1_000)
        #expect(encoded.maxTimestampNs == clock.utcMinusBootNs + 9_000)
        #expect(encoded.sequence == 12)
        #expect(encoded.lane == Lane.bulk.rawValue)
    }

    @Test("ledger rows go the same way, into a lane of their own")
    func ledgerRows() throws {
        var rows = LedgerRows(firstSequence: 40)
        var row = LedgerRow(.gap, fromNs: 1_000, toNs: 2_000)
        row.kind = EventKind(Int(TAPIO_KIND_PROCESS_EXEC))
        row.priority = .high
        row.cpu = 3
        row.count = 17
        row.stage = "kernel"
        row.reason = "ring_full"
        let taken = [rows.append(row, atNs: 3_000), rows.append(LedgerRow(.start, fromNs: -5, toNs: 5), atNs: 3_001)]
        #expect(taken == [true, true])
        #expect(rows.nextSequence == 42)
        let encoded = BatchEncoder(registry: registry).encode(rows.batch, clock: clock)
        #expect(encoded.lane == 2)
        let decoded = try DecodedGroup(encoded, registry: registry)
        let gap = try #require(decoded.rows.first)
        #expect(gap["kind"] == .string("_ledger"))
        #expect(gap["ledger_kind"] == .string("process_exec"))
        #expect(gap["ledger_priority"] == .string("high"))
        #expect(gap["ledger_cpu"] == .int(3))
        #expect(gap["ledger_count"] == .int(17))
        #expect(gap["ledger_reason"] == .string("ring_full"))
        #expect(gap["weight"] == .double(0))
        #expect(gap["seq"] == .int(40))
        #expect(gap["ledger_attempted"] == nil)
        #expect(decoded.rows[1]["ledger_kind"] == nil)
        #expect(decoded.rows[1]["ledger_entry"] == .string("start"))
    }

    @Test("ledger rows beyond the room are refused, and long texts are cut")
    func ledgerBounds() {
        var rows = LedgerRows(firstSequence: 0, rows: 2)
        var row = LedgerRow(.collector, fromNs: 0, toNs: 0)
        row.note = String(repeating: "n", count: 100_000)
        let taken = (0..<3).map { _ in rows.append(row, atNs: 1) }
        #expect(taken == [true, true, false])
        #expect(rows.count == 2)
    }
}
