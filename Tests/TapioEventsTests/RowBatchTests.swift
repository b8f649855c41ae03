import TapioBPF
import TapioEvents
import TapioRings
import Testing

@Suite("Row batches")
struct RowBatchTests {
    @Test("rows come back as they went in, at sizes that are no multiple of eight")
    func roundTrip() {
        let batch = RowBatch(limits: .init(rows: 100, bytes: 1 << 16))
        var records: [[UInt8]] = []
        for length in 0..<50 {
            var record = SampleKind.record(exe: [UInt8](repeating: UInt8(length), count: length))
            record[0] = UInt8(length)
            records.append(record)
            #expect(batch.append(record, enrichmentID: EnrichmentID(owner: UInt16(length))))
        }
        #expect(batch.rowCount == 50)
        #expect(batch.rowCount(of: SampleKind.kind) == 50)
        #expect(batch.rowCount(of: .ledger) == 0)
        for (row, record) in records.enumerated() {
            let copy = batch.withRecord(at: row) { span in (0..<span.byteCount).map { span.uint8(at: $0) } }
            #expect(copy == record)
        }
    }

    @Test("a full batch refuses, and nothing changes")
    func full() {
        let byRows = RowBatch(limits: .init(rows: 2, bytes: 1 << 16))
        let record = SampleKind.record()
        #expect(byRows.append(record))
        #expect(byRows.append(record))
        let bytes = byRows.byteCount
        #expect(!byRows.append(record))
        #expect(byRows.rowCount == 2)
        #expect(byRows.byteCount == bytes)
        #expect(byRows.rowCount(of: SampleKind.kind) == 2)

        // One buffer of 64 KiB, in which each record takes 8 bytes more.
        let byBytes = RowBatch(limits: .init(rows: 10_000, bytes: 1 << 16))
        var count = 0
        while byBytes.append(record) { count += 1 }
        #expect(count == (1 << 16) / (8 + (record.count + 7) & ~7))
        #expect(byBytes.byteCount <= 1 << 16)
    }

    @Test("a record lies within one buffer, and the last byte of the memory can be used")
    func buffers() {
        let batch = RowBatch(limits: .init(rows: 100, bytes: 2 << 16))
        let fill = SampleKind.record(
            exe: [UInt8](repeating: 7, count: Int(TAPIO_RECORD_BYTES) - SampleKind.fixedSize),
            args: []
        )
        #expect(fill.count == Int(TAPIO_RECORD_BYTES))
        // Seven fit with their prefix into a buffer; the rest of it takes smaller ones.
        for _ in 0..<14 { #expect(batch.append(fill)) }
        #expect(!batch.append(fill))
        let rest = (1 << 16) - 7 * (Int(TAPIO_RECORD_BYTES) + 8) - 8
        let last = SampleKind.record(exe: [UInt8](repeating: 9, count: rest - SampleKind.fixedSize), args: [])
        #expect(batch.append(last))
        #expect(batch.byteCount == 2 << 16)
        #expect(!batch.append(SampleKind.record(exe: [], args: [])))
        for row in 0..<14 { #expect(batch.withRecord(at: row) { $0.uint8(at: $0.byteCount - 1) } == 7) }
        #expect(batch.withRecord(at: 14) { $0.uint8(at: $0.byteCount - 1) } == 9)
    }

    @Test("a pool without memory refuses, and what was there stays; what is given back can be used again")
    func poolBound() throws {
        let limits = RowBatch.Limits(rows: 100, bytes: 2 << 16)
        let pool = try BufferPool(limits: BufferPool.Limits(medium: 2, large: 0))
        let first = RowBatch(limits: limits, pool: pool)
        let second = RowBatch(limits: limits, pool: pool)
        #expect(first.append(SampleKind.record(), enrichmentID: EnrichmentID(owner: 5)))
        #expect(!second.append(SampleKind.record()))
        #expect(second.isEmpty && first.rowCount == 1 && first.enrichmentID(at: 0) == EnrichmentID(owner: 5))
        first.reset()
        second.reset()
        #expect(second.append(SampleKind.record()))
        #expect(second.heldBytes == 2 << 16)
        second.releaseRecords()
        #expect(second.heldBytes == 0 && second.rowCount == 1)
        #expect(first.append(SampleKind.record()))
    }

    @Test(
        "what a batch holds takes the records that its room promises, whatever their size",
        arguments: [8192, 200, 64]
    )
    func room(size: Int) {
        let batch = RowBatch(limits: .init(rows: 131_072, bytes: 6 << 20))
        let record = SampleKind.record(exe: [UInt8](repeating: 1, count: max(0, size - SampleKind.fixedSize)), args: [])
        batch.reserve(bytes: 1 << 19, rows: 16_384)
        let held = batch.heldBytes
        var left = batch.byteRoom
        #expect(left >= 1 << 19)
        while left > 0 && batch.recordRoom > 0 {
            #expect(batch.append(record))
            left -= (record.count + 7) & ~7
        }
        #expect(batch.heldBytes == held, "it needed no more memory than it held")
    }

    @Test("reset empties it")
    func reset() {
        let batch = RowBatch(limits: .init(rows: 10, bytes: 1 << 16))
        let record = SampleKind.record()
        for _ in 0..<3 {
            #expect(batch.isEmpty)
            #expect(batch.append(record))
            #expect(batch.earliestNs == 5_000_001_234)
            #expect(batch.latestNs == 5_000_001_234)
            batch.reset()
        }
        #expect(batch.isEmpty)
        #expect(batch.rowCount(of: SampleKind.kind) == 0)
        #expect(batch.earliestNs == .max)
    }

    @Test("times span the oldest and the newest")
    func times() {
        let batch = RowBatch(limits: .init(rows: 10, bytes: 1 << 16))
        for time in [5, 3, 9] as [UInt8] {
            var record = SampleKind.record()
            for index in 0..<8 { record[index] = index == 0 ? time : 0 }
            #expect(batch.append(record))
        }
        #expect(batch.earliestNs == 3)
        #expect(batch.latestNs == 9)
    }
}

extension RowBatch {
    fileprivate func append(_ record: [UInt8], enrichmentID: EnrichmentID = .none) -> Bool {
        append(record.span.bytes, enrichmentID: enrichmentID)
    }
}
