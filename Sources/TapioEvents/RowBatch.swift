import TapioBPF

/// Records of one lane, copied out of ring memory one after another: what is handed over, encoded and shed as a whole.
///
/// One thread owns a batch at a time; queues hand it on. Memory is allocated once, and used again after `reset()`.
@safe
public final class RowBatch: @unchecked Sendable {
    // Unchecked: a batch has one owner at a time. Whoever pushes it into a queue lets go of it, and the queue orders
    // the pusher's writes before the popper's reads.

    /// Bounds of a batch.
    public struct Limits: Sendable, Hashable {
        /// At most 131,072: the encoder's sort keys have 17 bits for a row.
        public var rows: Int
        /// Bytes of records.
        public var bytes: Int

        /// The greatest number of rows that a batch can have.
        public static let maxRows = 131_072

        /// Limits of these numbers.
        ///
        /// - Precondition: 1 ≤ rows ≤ 131,072; bytes hold at least one record of the greatest size.
        public init(rows: Int = maxRows, bytes: Int = 16 << 20) {
            precondition(rows >= 1 && rows <= Limits.maxRows && bytes >= Int(TAPIO_RECORD_BYTES))
            self.rows = rows
            self.bytes = bytes
        }
    }

    /// The batch's bounds.
    public let limits: Limits
    /// The lane that all of its rows came through.
    public var lane: Lane = .bulk
    /// Counts sealed batches of one agent.
    public var sequence: UInt64 = 0
    /// Rows in the batch.
    public private(set) var rowCount = 0
    /// Bytes of its records, each rounded up to 8.
    public private(set) var byteCount = 0
    /// Boot time of the oldest event, nanoseconds.
    public private(set) var earliestNs: Int64 = .max
    /// Boot time of the newest event, nanoseconds.
    public private(set) var latestNs: Int64 = .min
    /// What the rows' enrichment ids mean.
    public var enrichment: EnrichmentTable = .empty

    // Invariant: rows 0 ..< rowCount have offsets[i] + lengths within memory[0 ..< byteCount].
    private let memory: UnsafeMutableRawPointer
    private let offsets: UnsafeMutablePointer<UInt32>
    private let lengths: UnsafeMutablePointer<UInt16>
    private let enrichmentIDs: UnsafeMutablePointer<UInt32>
    private let kindCounts: UnsafeMutablePointer<UInt32>

    /// An empty batch; its memory is touched as it fills.
    public init(limits: Limits) {
        self.limits = limits
        unsafe memory = .allocate(byteCount: limits.bytes, alignment: 128)
        unsafe offsets = .allocate(capacity: limits.rows)
        unsafe lengths = .allocate(capacity: limits.rows)
        unsafe enrichmentIDs = .allocate(capacity: limits.rows)
        unsafe kindCounts = .allocate(capacity: EventKind.limit)
        unsafe kindCounts.initialize(repeating: 0, count: EventKind.limit)
    }

    deinit {
        unsafe memory.deallocate()
        unsafe offsets.deallocate()
        unsafe lengths.deallocate()
        unsafe enrichmentIDs.deallocate()
        unsafe kindCounts.deallocate()
    }

    /// Whether there is nothing in it.
    public var isEmpty: Bool { rowCount == 0 }

    /// Copies a record that ``RecordCheck`` has passed; false where the batch is full, and then nothing changed.
    public func append(_ record: RawSpan, enrichmentID: UInt32 = 0) -> Bool {
        let size = record.byteCount
        let padded = (size + 7) & ~7
        guard rowCount < limits.rows, byteCount + padded <= limits.bytes else { return false }
        precondition(size >= MemoryLayout<tapio_header>.size && size <= Int(TAPIO_RECORD_BYTES))
        unsafe record.withUnsafeBytes { bytes in
            unsafe (memory + byteCount).copyMemory(from: bytes.baseAddress!, byteCount: size)
        }
        let row = rowCount
        unsafe offsets[row] = UInt32(truncatingIfNeeded: byteCount)
        unsafe lengths[row] = UInt16(truncatingIfNeeded: size)
        unsafe enrichmentIDs[row] = enrichmentID
        unsafe kindCounts[Int(record.uint8(at: RecordCheck.kindOffset))] += 1
        let time = record.int64(at: 0)
        if time < earliestNs { earliestNs = time }
        if time > latestNs { latestNs = time }
        rowCount = row + 1
        byteCount += padded
        return true
    }

    /// Rows of a kind.
    public func rowCount(of kind: EventKind) -> Int {
        unsafe Int(kindCounts[Int(kind.rawValue)])
    }

    /// The record at `row`.
    ///
    /// - Precondition: `row` is below `rowCount`.
    public func withRecord<Result>(at row: Int, _ body: (RawSpan) throws -> Result) rethrows -> Result {
        precondition(row >= 0 && row < rowCount)
        let bytes = unsafe UnsafeRawBufferPointer(start: memory + Int(offsets[row]), count: Int(lengths[row]))
        return try body(unsafe bytes.bytes)
    }

    /// All rows at once, for the encoder's loops. The pointers are valid during the call.
    @unsafe
    public func withUnsafeRows<Result>(_ body: (UnsafeRows) throws -> Result) rethrows -> Result {
        try unsafe body(
            UnsafeRows(
                memory: UnsafeRawPointer(memory),
                offsets: UnsafePointer(offsets),
                enrichmentIDs: UnsafePointer(enrichmentIDs),
                count: rowCount
            )
        )
    }

    /// Empties the batch; keeps its memory.
    public func reset() {
        rowCount = 0
        byteCount = 0
        earliestNs = .max
        latestNs = .min
        enrichment = .empty
        unsafe kindCounts.update(repeating: 0, count: EventKind.limit)
    }
}

/// A batch's rows, by pointer: row i's record begins at `memory + offsets[i]`.
@unsafe
public struct UnsafeRows {
    /// Where the records lie.
    public let memory: UnsafeRawPointer
    /// Where each begins, in bytes from `memory`.
    public let offsets: UnsafePointer<UInt32>
    /// What is known of each beside its record.
    public let enrichmentIDs: UnsafePointer<UInt32>
    /// Rows.
    public let count: Int
}
