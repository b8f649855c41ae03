import TapioEvents
import TapioRings
import Testing

@testable import TapioPipeline

@Suite struct LaneIntakeTests {
    private let kind = EventKind(rawValue: 17)

    private func record(size: Int = 80) -> [UInt8] {
        var record = [UInt8](repeating: 0, count: size)
        record[RecordCheck.kindOffset] = kind.rawValue
        return record
    }

    private func fill(_ intake: LaneIntake, rows: Int, size: Int = 80) {
        let batch = intake.open!
        for _ in 0..<rows { #expect(batch.append(bytes: record(size: size))) }
    }

    private func need(_ intake: LaneIntake) -> LaneIntake.Need { intake.need }

    private func due(_ intake: LaneIntake, nowNs: UInt64, maxAgeNs: UInt64) -> Bool {
        intake.isDue(nowNs: nowNs, maxAgeNs: maxAgeNs)
    }

    /// An empty batch of 64 KiB that holds its memory.
    private func withMemory(rows: Int) -> RowBatch {
        let batch = RowBatch(limits: RowBatch.Limits(rows: rows, bytes: 65_536))
        batch.reserve(bytes: 32_768, rows: rows)
        return batch
    }

    @Test("an empty batch that gets no memory is none to fill")
    func memory() throws {
        let limits = RowBatch.Limits(rows: 10, bytes: 65_536)
        let empty = try BufferPool(limits: BufferPool.Limits(medium: 0, large: 0))
        var intake = LaneIntake(lane: .bulk)
        let batch = RowBatch(limits: limits, pool: empty)
        intake.begin(batch)
        batch.reserve(bytes: 1, rows: 1)
        #expect(need(intake) == .memory)
    }

    @Test("a lane needs a batch, then nothing, and a seal when the rows are full")
    func rows() {
        var intake = LaneIntake(lane: .bulk)
        #expect(need(intake) == .batch)
        intake.begin(withMemory(rows: 3))
        #expect(need(intake) == .nothing)
        fill(intake, rows: 2)
        #expect(need(intake) == .nothing)
        fill(intake, rows: 1)
        #expect(need(intake) == .seal)
        intake.seal(sequence: 4, enrichment: .empty)
        #expect(need(intake) == .place)
        let batch = intake.takeWaiting()
        #expect(batch?.sequence == 4)
        #expect(batch?.lane == .bulk)
        #expect(need(intake) == .batch)
    }

    @Test("a batch in which the greatest record might not fit is full")
    func bytes() {
        var intake = LaneIntake(lane: .urgent)
        intake.begin(withMemory(rows: 1000))
        fill(intake, rows: 7, size: 8192)
        #expect(need(intake) == .seal)
    }

    @Test("age counts from the first row, not from the batch's begin")
    func age() {
        var intake = LaneIntake(lane: .bulk)
        intake.begin(withMemory(rows: 10))
        intake.noteRows(nowNs: 100, kinds: [kind]) { _, _ in }
        #expect(!due(intake, nowNs: 10_000, maxAgeNs: 5))
        fill(intake, rows: 1)
        intake.noteRows(nowNs: 20_000, kinds: [kind]) { _, _ in }
        fill(intake, rows: 1)
        intake.noteRows(nowNs: 20_003, kinds: [kind]) { _, _ in }
        #expect(!due(intake, nowNs: 20_004, maxAgeNs: 5))
        #expect(due(intake, nowNs: 20_005, maxAgeNs: 5))
    }

    @Test("each row is counted once, whenever it is asked")
    func counting() {
        var intake = LaneIntake(lane: .bulk)
        var counted: UInt64 = 0
        for _ in 0..<3 {
            intake.begin(withMemory(rows: 10))
            for rows in [2, 0, 3] {
                fill(intake, rows: rows)
                intake.noteRows(nowNs: 1, kinds: [kind]) { counted += $0 == kind ? $1 : 1000 }
            }
            intake.seal(sequence: 0, enrichment: .empty)
            _ = intake.takeWaiting()
        }
        #expect(counted == 15)
    }
}
