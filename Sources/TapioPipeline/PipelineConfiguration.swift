public import TapioEvents
import TapioRings

/// How a pipeline works.
public struct PipelineConfiguration: Sendable, Hashable {
    /// Bounds of a batch. At least 65,536 bytes: a batch must have room for several records of the greatest size.
    public var batch = RowBatch.Limits()
    /// Bytes of records that may be between the rings and the encoders, in open, waiting and encoding batches together;
    /// rounded up to what the readers and encoders need to go on at all.
    public var maxBatchBytes = 32 << 20
    /// Sealed batches that may wait for an encoder, whatever their size.
    public var maxQueuedBatches = 64
    /// Threads that encode.
    public var encoders = 1
    /// Encoded batches that may wait for the one who writes them.
    public var maxEncodedBatches = 16
    /// Their compressed bytes.
    public var maxEncodedBytes = 8 << 20
    /// zstd's level.
    public var compressionLevel: Int32 = 1
    /// How each reader works; the names of further readers get a number.
    public var reader = ReaderConfiguration()

    /// The defaults.
    public init() {}

    /// The most memory that batches can take, in bytes.
    public func mostBatchBytes(readers: Int) -> Int {
        let memory = batchMemory(readers: readers)
        return PoolTier.allCases.reduce(0) { $0 + $1.byteCount * memory[$1] }
    }

    /// The buffers of the batches' pool.
    func batchMemory(readers: Int) -> BufferPool.Limits {
        let tier = batch.recordTier
        // Each lane of each reader fills a batch while each encoder reads one.
        let least = readers * Lane.allCases.count * 2 + encoders
        let records = max(least, (maxBatchBytes + tier.byteCount - 1) / tier.byteCount)
        // A batch has few rows or holds much: each has one buffer of rows, and a full one those that it needs.
        let rows = mostBatches(readers: readers) + records * batch.rowBuffers / max(1, batch.recordBuffers)
        return tier == .large
            ? BufferPool.Limits(medium: rows, large: records) : BufferPool.Limits(medium: rows + records, large: 0)
    }

    /// Batches that can exist: with one more for each of the readers' lanes than can wait, none is short of a batch for want
    /// of anything but memory.
    func mostBatches(readers: Int) -> Int {
        maxQueuedBatches + readers * Lane.allCases.count * 2 + encoders
    }
}
