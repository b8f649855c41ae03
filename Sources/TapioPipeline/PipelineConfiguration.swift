public import TapioEvents

/// How a pipeline works.
public struct PipelineConfiguration: Sendable, Hashable {
    /// Bounds of a batch. At least 65,536 bytes: a batch must have room for several records of the greatest size.
    public var batch = RowBatch.Limits()
    /// Sealed batches that may wait for an encoder.
    public var maxQueuedBatches = 8
    /// Threads that encode.
    public var encoders = 1
    /// Encoded batches that may wait for the one who writes them.
    public var maxEncodedBatches = 4
    /// zstd's level.
    public var compressionLevel: Int32 = 1
    /// How each reader works; the names of further readers get a number.
    public var reader = ReaderConfiguration()

    /// The defaults.
    public init() {}

    /// The most memory that batches can take: those in the queue, one for each lane of each reader, one for each encoder.
    /// Encoders need about as much again for one batch each, and encoded batches a tenth.
    public func mostBatchBytes(readers: Int) -> Int {
        mostBatches(readers: readers) * batch.bytes
    }

    func mostBatches(readers: Int) -> Int {
        maxQueuedBatches + readers * Lane.allCases.count + encoders
    }
}
