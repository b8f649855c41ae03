import Glibc
import TapioArchive
public import TapioEvents
import TapioRings

/// Measures what an encoder thread does: records in memory become sorted, compressed row groups, and are written to a file.
///
/// On the calling thread, in CPU time of that thread, so that other work on the machine shows less. The events are those of
/// an imagined node, made before each measured batch.
public struct EncodeBenchmark: Sendable {
    /// What to measure.
    public struct Options: Sendable, Hashable {
        /// Events in all, rounded up to whole batches.
        public var events = 4_000_000
        /// Rows of a batch.
        public var batchRows = RowBatch.Limits.maxRows
        /// Seed of the events.
        public var seed: UInt64 = 1
        /// zstd's level.
        public var compressionLevel: Int32 = 1
        /// A directory for the file, which is removed afterwards; nil writes none.
        public var directory: String?

        /// The defaults.
        public init() {}
    }

    /// What was measured.
    public struct Result: Sendable, Hashable, Codable {
        /// Events encoded.
        public var events = 0
        /// Batches.
        public var batches = 0
        /// Bytes of records.
        public var recordBytes = 0
        /// Bytes of row groups.
        public var encodedBytes = 0
        /// CPU time of copying checked records into batches, ns: the reader's part, without the rings. Not in ``totalNs``.
        public var appendNs: UInt64 = 0
        /// CPU time of sorting, ns.
        public var sortNs: UInt64 = 0
        /// CPU time of gathering columns, encoding and compressing, ns.
        public var encodeNs: UInt64 = 0
        /// Of it zstd's part, ns.
        public var compressNs: UInt64 = 0
        /// CPU time of write(2), ns.
        public var writeNs: UInt64 = 0

        /// CPU time from records to bytes in a file, ns.
        public var totalNs: UInt64 { sortNs + encodeNs + writeNs }
        /// Events that one core does in a second.
        public var eventsPerSecond: Double { Double(events) * 1e9 / Double(max(1, totalNs)) }
        /// Bytes in the archive for an event, without metadata.
        public var bytesPerEvent: Double { Double(encodedBytes) / Double(max(1, events)) }
        /// Bytes by column, largest first.
        public var columns: [ColumnBytes] = []

        /// Nanoseconds of a phase for one event.
        public func nsPerEvent(_ phase: KeyPath<Result, UInt64>) -> Double {
            Double(self[keyPath: phase]) / Double(max(1, events))
        }
    }

    /// What a column takes.
    public struct ColumnBytes: Sendable, Hashable, Codable {
        /// The column.
        public var name: String
        /// Compressed bytes in all.
        public var bytes: Int
    }

    /// Why a file could not be written.
    public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
        /// The path.
        public let path: String
        /// The error number.
        public let errno: Int32

        /// What, where, why.
        public var description: String {
            "cannot write the benchmark's file \(path): \(unsafe String(cString: strerror(errno))); choose another directory"
        }
    }

    private let registry: SchemaRegistry
    private let options: Options

    /// A benchmark of the table of `registry`, which has to have the kinds of processes and TCP.
    public init(registry: SchemaRegistry, options: Options = Options()) {
        self.registry = registry
        self.options = options
    }

    /// Runs it; about 2 s for each million events, most of it for making them.
    ///
    /// - Throws: If the file can't be written.
    public func run() throws(FileError) -> Result {
        var events = SyntheticEvents(seed: options.seed)
        let limits = RowBatch.Limits(rows: options.batchRows, bytes: max(65_536, options.batchRows * 256))
        let encoder = BatchEncoder(
            registry: registry,
            compressionLevel: options.compressionLevel,
            memory: memory(limits)
        )
        encoder.rowGroup.measuresCompression = true
        let check = RecordCheck(registry)
        let source = RowBatch(limits: limits)
        let batch = RowBatch(limits: limits)
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
        var file = try ScratchFile(directory: options.directory)
        var result = Result()
        var columns = [Int](repeating: 0, count: registry.columns.count)
        while result.events < options.events {
            source.reset()
            events.fill(source)
            batch.reset()
            batch.enrichment = source.enrichment
            result.appendNs += measured { copy(source, into: batch, check) }
            result.sortNs += measured { encoder.sort(batch) }
            var encoded: ArchiveBatch?
            result.encodeNs += measured { encoded = encoder.encodeSorted(batch, clock: clock) }
            guard let group = encoded?.group else { break }
            let begin = MonotonicClock.threadCPUNs
            try file.write(group.bytes)
            result.writeNs += MonotonicClock.threadCPUNs - begin
            result.batches += 1
            result.events += batch.rowCount
            result.recordBytes += batch.byteCount
            result.encodedBytes += group.bytes.count
            for (index, chunk) in group.columns.enumerated() { columns[index] += chunk.compressedByteCount }
        }
        result.compressNs = encoder.rowGroup.compressionNs
        result.columns = zip(registry.columns, columns)
            .map { ColumnBytes(name: $0.name, bytes: $1) }
            .sorted { $0.bytes > $1.bytes }
        return result
    }

    /// As the pipeline makes it.
    private func memory(_ limits: RowBatch.Limits) -> ScratchMemory {
        var configuration = PipelineConfiguration()
        configuration.batch = limits
        do throws(BufferPoolError) {
            return try configuration.makeEncoderMemory()
        } catch {
            // As with any other allocation: there is nothing to go on with.
            fatalError("\(error)")
        }
    }

    private func copy(_ source: RowBatch, into batch: RowBatch, _ check: RecordCheck) {
        for row in 0..<source.rowCount {
            let id = source.enrichmentID(at: row)
            source.withRecord(at: row) { record in
                precondition(check.fault(in: record) == nil, "the benchmark made a record that the reader refuses")
                _ = batch.append(record, enrichmentID: id)
            }
        }
    }

    private func measured(_ body: () -> Void) -> UInt64 {
        let begin = MonotonicClock.threadCPUNs
        body()
        return MonotonicClock.threadCPUNs - begin
    }
}

/// The file that a benchmark writes and removes.
private struct ScratchFile: ~Copyable {
    private let path: String
    private let descriptor: Int32

    init(directory: String?) throws(EncodeBenchmark.FileError) {
        guard let directory else {
            path = ""
            descriptor = -1
            return
        }
        path = "\(directory)/tapio-bench-\(getpid()).bin"
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw EncodeBenchmark.FileError(path: path, errno: errno) }
    }

    mutating func write(_ bytes: EncodedBytes) throws(EncodeBenchmark.FileError) {
        guard descriptor >= 0 else { return }
        unsafe try bytes.forEachPiece { (piece) throws(EncodeBenchmark.FileError) in unsafe try write(piece) }
    }

    @unsafe private func write(_ bytes: UnsafeRawBufferPointer) throws(EncodeBenchmark.FileError) {
        var from = 0
        while from < bytes.count {
            let count = unsafe Glibc.write(descriptor, bytes.baseAddress! + from, bytes.count - from)
            if count < 0 {
                if errno == EINTR { continue }
                throw EncodeBenchmark.FileError(path: path, errno: errno)
            }
            from += count
        }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unsafe unlink(path)
    }
}
