import TapioEvents
import TapioPipeline

/// The most memory that rings, batches and queues can take together, said at the start.
struct MemoryBound: CustomStringConvertible {
    /// Bytes of all ring buffers.
    let rings: Int
    /// Bytes of records in open, queued and encoding batches.
    let batches: Int
    /// Compressed bytes that wait to be written.
    let encoded: Int
    /// Bytes of groups of events that are merged, when there are as many as may be.
    let aggregates: Int

    init(_ configuration: AgentConfiguration, cpus: Int) {
        let pipeline = configuration.pipeline
        rings = cpus * (configuration.rings.urgentBytes + configuration.rings.bulkBytes)
        batches = pipeline.mostBatchBytes(readers: 1)
        encoded = pipeline.maxEncodedBytes
        aggregates = pipeline.reader.tuning.aggregation.mostBytes(readers: 1)
    }

    var description: String {
        "memory bounds: rings \(HumanUnits.bytes(Int64(rings))), batches \(HumanUnits.bytes(Int64(batches))), encoded \(HumanUnits.bytes(Int64(encoded))), aggregates \(HumanUnits.bytes(Int64(aggregates)))"
    }
}
