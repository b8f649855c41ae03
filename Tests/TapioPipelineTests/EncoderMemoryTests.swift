import TapioCollectors
import TapioEvents
import TapioRings
import Testing

@testable import TapioArchive
@testable import TapioPipeline

@Suite("Memory of encoders")
struct EncoderMemoryTests {
    private let registry = CollectorRegistry.schemas
    private let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_123_456_789)

    private func batch(rows: Int, seed: UInt64) -> RowBatch {
        var source = RandomRecords(registry, seed: seed)
        let batch = RowBatch(limits: RowBatch.Limits(rows: rows, bytes: max(65_536, rows * 600)))
        for _ in 0..<rows where !batch.append(bytes: source.next()) { break }
        return batch
    }

    @Test(
        "an encoder writes the same bytes from a pool, from a pool that is empty, and without one",
        arguments: [1, 7, 1993, 9000]
    )
    func sameBytes(rows: Int) throws {
        let configuration = PipelineConfiguration()
        let memories = [
            ScratchMemory(),
            try configuration.makeEncoderMemory(),
            ScratchMemory(pool: try BufferPool(limits: .init())),
            ScratchMemory(pool: try BufferPool(limits: .init(small: 1, medium: 3, large: 1))),
        ]
        // Several, as memory of one batch must not show in the next.
        let batches = (1...2).map { batch(rows: rows, seed: UInt64($0)) }
        let seen = memories.map { memory in
            let encoder = BatchEncoder(registry: registry, memory: memory)
            return (batches + batches).map { Array(encoder.encode($0, clock: clock).group.bytes) }
        }
        for (index, groups) in seen.enumerated() { #expect((groups == seen[0]) as Bool, "memory \(index)") }
        #expect(memories[1].statistics.exhausted == 0)
        #expect(memories[2].statistics.exhausted > 0)
        #expect(memories[2].statistics.heapBytes == 0, "all of it is given back")
    }

    @Test("an encoder between batches holds next to nothing, and one that is gone nothing; groups keep what they need")
    func allGivenBack() throws {
        let memory = try PipelineConfiguration().makeEncoderMemory()
        var group: EncodedRowGroup?
        do {
            let encoder = BatchEncoder(registry: registry, memory: memory)
            for rows in [9000, 300] {
                group = encoder.encode(batch(rows: rows, seed: UInt64(rows)), clock: clock).group
            }
            let held = try #require(group?.bytes.heldBytes)
            let buffers = try #require(memory.statistics.buffers)
            #expect(buffers.bytesInUse - held <= 4 * PoolTier.small.byteCount)
            #expect(buffers.large.inUse == 0)
            withExtendedLifetime(encoder) {}
        }
        #expect(memory.statistics.buffers?.bytesInUse == group?.bytes.heldBytes)
        #expect(memory.statistics.heapBytes == 0)
        group = nil
        #expect(memory.statistics.buffers?.bytesInUse == 0)
    }

    @Test("a full batch of the default size, of the shortest records or of many kinds, needs nothing but the pool")
    func defaultsSuffice() throws {
        var configuration = PipelineConfiguration()
        configuration.maxEncodedBytes = 1 << 20
        let memory = try configuration.makeEncoderMemory()
        let encoder = BatchEncoder(registry: registry, memory: memory)
        var events = SyntheticEvents(seed: 9)
        for _ in 0..<2 {
            let batch = RowBatch(limits: configuration.batch)
            events.fill(batch)
            #expect(batch.rowCount > 30_000)
            _ = encoder.encode(batch, clock: clock)
        }
        #expect(memory.statistics.exhausted == 0)
        let buffers = try #require(memory.statistics.buffers)
        #expect(buffers.medium.highWater <= configuration.encoderMemory.medium * 3 / 4)
    }

    @Test("summaries of kinds without strings keep their records until their histograms are read")
    func summariesKeepRecords() throws {
        var events = GroupedRecords(registry, seed: 4, variety: 3)
        let window = WindowAggregator(registry, capacity: 300)
        _ = window.follow { _ in true }
        let batch = RowBatch(limits: RowBatch.Limits())
        for _ in 0..<2000 {
            let record = events.next()
            let kind = EventKind(rawValue: record[RecordCheck.kindOffset])
            guard registry.schema(of: kind)?.stringOffsets.isEmpty == true else { continue }
            var room = SummaryRoom.unlimited
            _ = window.merges(record.span.bytes, enrichmentID: .none, nowNs: 0, into: batch, room: &room)
        }
        #expect(window.flush(into: batch))
        #expect(batch.rowCount > 0)
        let encoder = BatchEncoder(registry: registry, memory: try PipelineConfiguration().makeEncoderMemory())
        let kept = Array(encoder.encode(batch, clock: clock).group.bytes)
        #expect((Array(encoder.encode(batch, clock: clock, releasesRecords: true).group.bytes) == kept) as Bool)
        #expect(batch.heldBytes > 0)
    }

    @Test("the bound says what the pool's buffers take, what waits and is kept included once")
    func bound() {
        var configuration = PipelineConfiguration()
        configuration.maxKeptBytes = 8 << 20
        let pool = configuration.encoderMemory.byteCount
        #expect(configuration.mostEncoderBytes + configuration.maxEncodedBytes + configuration.maxKeptBytes == pool)
        #expect(configuration.mostEncoderBytes > configuration.batch.bytes)
    }
}
