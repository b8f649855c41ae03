public import TapioEvents
public import TapioRings

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
    /// Bytes of memory that they take.
    public var maxEncodedBytes = 8 << 20
    /// The same of batches that the one who writes keeps after it has settled them, to try again.
    public var maxKeptBytes = 0
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

    /// The most memory that encoders can take of their pool, in bytes: what they work with and what they made, except for the
    /// batches that wait to be written or are kept.
    public var mostEncoderBytes: Int { encoderMemory.byteCount - maxEncodedBytes - maxKeptBytes }

    /// The buffers of the encoders' pool: enough for all encoders, the batches in their hands and those that wait, so that only
    /// what is larger than any buffer comes from the heap.
    public var encoderMemory: BufferPool.Limits {
        let waiting = maxEncodedBytes + maxKeptBytes
        let middle = PoolTier.medium.byteCount
        return BufferPool.Limits(
            // One more works: who writes encodes the ledger's rows.
            small: (encoders + 1) * Self.smallScratchBuffers + waiting / (4 * PoolTier.small.byteCount),
            medium: encoders * Self.mediumBuffers(recordBytes: batch.bytes)
                + Self.mediumBuffers(recordBytes: Self.ledgerBatchBytes) + (waiting + middle - 1) / middle,
            large: encoders * Self.largeScratchBuffers + Self.largeLedgerBuffers
        )
    }

    /// Memory of a new pool for the encoders.
    public func makeEncoderMemory() throws(BufferPoolError) -> ScratchMemory {
        ScratchMemory(pool: try BufferPool(limits: encoderMemory))
    }

    /// What an encoder needs of the middle size: for the columns of a batch's records, and for what it becomes. That is rarely
    /// a fifth of it; half must do.
    private static func mediumBuffers(recordBytes: Int) -> Int {
        BatchSorter.mostBlocks(recordBytes: recordBytes) + recordBytes / 2 / PoolTier.medium.byteCount
            + mediumScratchBuffers
    }

    /// Buffers of each size that an encoder works with beside the columns, however large a batch is: a few more than it has
    /// places that grow.
    private static let smallScratchBuffers = 24
    private static let mediumScratchBuffers = 24
    private static let largeScratchBuffers = 16
    /// A batch of the ledger's rows is small.
    private static let ledgerBatchBytes = 1 << 20
    private static let largeLedgerBuffers = 4

    /// Batches that can exist: with one more for each of the readers' lanes than can wait, none is short of a batch for want
    /// of anything but memory.
    func mostBatches(readers: Int) -> Int {
        maxQueuedBatches + readers * Lane.allCases.count * 2 + encoders
    }
}
