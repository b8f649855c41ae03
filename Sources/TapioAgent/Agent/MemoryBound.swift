import TapioArchive
import TapioEvents
import TapioPipeline

/// The most memory that rings, batches, queues and the compaction can take together, said at the start.
struct MemoryBound: CustomStringConvertible {
    /// Bytes of all ring buffers.
    let rings: Int
    /// Bytes of records in open, queued and encoding batches.
    let batches: Int
    /// What encoders work with and what they just made.
    let encoders: Int
    /// Bytes of encoded batches that wait to be written, of the same pool.
    let encoded: Int
    /// Bytes of encoded batches that are kept while the archive cannot be written, of the same pool.
    let kept: Int
    /// Bytes of groups of events that are merged, when there are as many as may be.
    let aggregates: Int
    /// Bytes of answers of name servers that wait to be learned from.
    let answers: Int
    /// Bytes of records of processes that wait to go into their table.
    let processes: Int
    /// Bytes of records on their way to a live view.
    let liveView: Int
    /// Bytes of rows and texts that a merge in the background holds; 0 where that is switched off.
    let compaction: Int

    init(_ configuration: AgentConfiguration, cpus: Int) {
        let pipeline = configuration.pipeline
        let readers = configuration.readers.count(cpus: cpus)
        rings = cpus * (configuration.rings.urgentBytes + configuration.rings.bulkBytes)
        batches = pipeline.mostBatchBytes(readers: readers)
        encoders = pipeline.mostEncoderBytes
        encoded = pipeline.maxEncodedBytes
        kept = configuration.queue.retryBytes
        aggregates = pipeline.reader.tuning.aggregation.mostBytes(readers: readers)
        answers = RemoteLookup.mostAnswers * MemoryLayout<SeenAnswer>.stride
        processes = ProcessFeed.mostWaiting * MemoryLayout<SeenProcess>.stride
        liveView = EventTap.mostBytes
        compaction = configuration.archive.compact.isEnabled ? LiveCompaction.mostBytes : 0
    }

    private var parts: [(name: String, bytes: Int)] {
        [
            ("rings", rings), ("batches", batches), ("encoders", encoders), ("encoded", encoded),
            ("kept for a retry", kept), ("aggregates", aggregates), ("answers", answers),
            ("processes", processes), ("live view", liveView), ("compaction", compaction),
        ]
    }

    /// Bytes of all of it.
    var total: Int { parts.reduce(0) { $0 + $1.bytes } }

    /// What it consists of, in one line.
    var detail: String { parts.map { "\($0.name) \(HumanUnits.bytes(Int64($0.bytes)))" }.joined(separator: ", ") }

    var description: String { "memory bounds: \(HumanUnits.bytes(Int64(total))) in all: \(detail)" }
}
