public import TapioRings

/// What a pipeline did until now; counts are never reset.
public struct PipelineStatistics: Sendable, Hashable {
    /// By reader.
    public var readers: [ReaderStatistics]
    /// Refused records, by kind and reason.
    public var malformed: [MalformedCount]
    /// Batches that are kept for the next use.
    public var pool: BatchPoolStatistics
    /// Sealed batches that wait for an encoder.
    public var queuedBatches: Int
    /// The most that ever waited.
    public var queuedBatchesHighWater: Int
    /// The most that may wait.
    public var maxQueuedBatches: Int
    /// Batches that an encoder took from another reader than its own.
    public var stolenBatches: UInt64
    /// Bytes of memory that sealed batches hold while they wait for an encoder.
    public var queuedBytes: Int
    /// The most bytes that batches can hold, wherever they are.
    public var maxBatchBytes: Int
    /// The memory of the encoders and of encoded batches.
    public var encoderMemory: ScratchStatistics
    /// The most bytes of their pool.
    public var maxEncoderBytes: Int
    /// Encoded batches that wait to be written.
    public var encodedBacklog: EncodedBacklog
    /// The most bytes of memory that they may take.
    public var maxEncodedBytes: Int
    /// Batches sealed.
    public var sealedBatches: UInt64
    /// Batches sealed and neither written nor lost yet.
    public var outstandingBatches: Int
    /// What the encoders did.
    public var encoders: EncoderStatistics
    /// From the kernel's timestamp until a record was read, nanoseconds; first and last record of each drain.
    public var latency: LatencyHistogram.Snapshot
    /// The live view.
    public var tap: EventTapStatistics
}
