import TapioBPF
import TapioEvents
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
            #expect(batch.append(record, enrichmentID: UInt32(length)))
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

        let byBytes = RowBatch(limits: .init(rows: 1000, bytes: Int(TAPIO_RECORD_BYTES)))
        var count = 0
        while byBytes.append(record) { count += 1 }
        #expect(count == Int(TAPIO_RECORD_BYTES) / ((record.count + 7) & ~7))
        #expect(byBytes.byteCount <= Int(TAPIO_RECORD_BYTES))
    }

    @Test("the last byte of the memory can be used, and none after it")
    func lastByte() {
        let batch = RowBatch(limits: .init(rows: 10, bytes: Int(TAPIO_RECORD_BYTES)))
        let fill = SampleKind.record(
            exe: [UInt8](repeating: 7, count: Int(TAPIO_RECORD_BYTES) - SampleKind.fixedSize),
            args: []
        )
        #expect(fill.count == Int(TAPIO_RECORD_BYTES))
        #expect(batch.append(fill))
        let smallest = SampleKind.record(exe: [], args: [])
        #expect(!batch.append(smallest))
        #expect(batch.withRecord(at: 0) { $0.uint8(at: $0.byteCount - 1) } == 7)
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
    fileprivate func append(_ record: [UInt8], enrichmentID: UInt32 = 0) -> Bool {
        append(record.span.bytes, enrichmentID: enrichmentID)
    }
}
