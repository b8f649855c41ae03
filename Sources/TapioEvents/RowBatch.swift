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
    /// Rows in the batch, summaries included.
    public var rowCount: Int { unsafe counts.pointee.rows }
    /// Bytes of its records, each rounded up to 8.
    public var byteCount: Int { unsafe counts.pointee.bytes }
    /// Boot time of the oldest event, nanoseconds.
    public var earliestNs: Int64 { unsafe counts.pointee.earliestNs }
    /// Boot time of the newest event, nanoseconds.
    public var latestNs: Int64 { unsafe counts.pointee.latestNs }
    /// What the rows' enrichment ids mean.
    public var enrichment: EnrichmentTable = .empty

    // Invariant: rows 0 ..< rowCount have offsets[i] + lengths within memory[0 ..< byteCount].
    private let memory: UnsafeMutableRawPointer
    private let offsets: UnsafeMutablePointer<UInt32>
    private let lengths: UnsafeMutablePointer<UInt16>
    private let enrichmentIDs: UnsafeMutablePointer<UInt32>
    private let kindCounts: UnsafeMutablePointer<UInt32>
    private let summaryCounts: UnsafeMutablePointer<UInt32>
    private let mergedCounts: UnsafeMutablePointer<UInt64>
    // Behind a pointer: as properties of a class each access would be checked for exclusivity at run time, several times a
    // record, which took a third of the reader's time.
    private let counts: UnsafeMutablePointer<Counts>

    private struct Counts {
        var rows = 0
        var bytes = 0
        var earliestNs = Int64.max
        var latestNs = Int64.min
    }

    /// An empty batch; its memory is touched as it fills.
    public init(limits: Limits) {
        self.limits = limits
        unsafe memory = .allocate(byteCount: limits.bytes, alignment: 128)
        unsafe offsets = .allocate(capacity: limits.rows)
        unsafe lengths = .allocate(capacity: limits.rows)
        unsafe enrichmentIDs = .allocate(capacity: limits.rows)
        unsafe kindCounts = .allocate(capacity: EventKind.limit)
        unsafe kindCounts.initialize(repeating: 0, count: EventKind.limit)
        unsafe summaryCounts = .allocate(capacity: EventKind.limit)
        unsafe summaryCounts.initialize(repeating: 0, count: EventKind.limit)
        unsafe mergedCounts = .allocate(capacity: EventKind.limit)
        unsafe mergedCounts.initialize(repeating: 0, count: EventKind.limit)
        unsafe counts = .allocate(capacity: 1)
        unsafe counts.initialize(to: Counts())
    }

    deinit {
        unsafe memory.deallocate()
        unsafe offsets.deallocate()
        unsafe lengths.deallocate()
        unsafe enrichmentIDs.deallocate()
        unsafe kindCounts.deallocate()
        unsafe summaryCounts.deallocate()
        unsafe mergedCounts.deallocate()
        unsafe counts.deallocate()
    }

    /// Whether there is nothing in it.
    public var isEmpty: Bool { rowCount == 0 }

    /// Copies a record that ``RecordCheck`` has passed; false where the batch is full, and then nothing changed.
    public func append(_ record: RawSpan, enrichmentID: UInt32 = 0) -> Bool {
        let size = record.byteCount
        let padded = (size + 7) & ~7
        let row = unsafe counts.pointee.rows
        let offset = unsafe counts.pointee.bytes
        guard row < limits.rows, offset + padded <= limits.bytes else { return false }
        precondition(size >= MemoryLayout<tapio_header>.size && size <= Int(TAPIO_RECORD_BYTES))
        unsafe record.withUnsafeBytes { bytes in
            unsafe (memory + offset).copyMemory(from: bytes.baseAddress!, byteCount: size)
        }
        unsafe offsets[row] = UInt32(truncatingIfNeeded: offset)
        unsafe lengths[row] = UInt16(truncatingIfNeeded: size)
        unsafe enrichmentIDs[row] = enrichmentID
        unsafe kindCounts[Int(record.uint8(at: RecordCheck.kindOffset))] += 1
        let time = record.int64(at: 0)
        if unsafe time < counts.pointee.earliestNs { unsafe counts.pointee.earliestNs = time }
        if unsafe time > counts.pointee.latestNs { unsafe counts.pointee.latestNs = time }
        unsafe counts.pointee.rows = row + 1
        unsafe counts.pointee.bytes = offset + padded
        return true
    }

    /// Copies a summary record (see `tapio_summary`), which stands for `merged` events until `lastNs`; false where the batch is
    /// full, and then nothing changed.
    public func append(summary record: RawSpan, merged: UInt64, lastNs: Int64, enrichmentID: UInt32) -> Bool {
        guard append(record, enrichmentID: enrichmentID) else { return false }
        let kind = Int(record.uint8(at: RecordCheck.kindOffset))
        // Counted as a row above; it is none of an event.
        unsafe kindCounts[kind] -= 1
        unsafe summaryCounts[kind] += 1
        unsafe mergedCounts[kind] += merged
        if unsafe lastNs > counts.pointee.latestNs { unsafe counts.pointee.latestNs = lastNs }
        return true
    }

    /// Rows of a kind that are one event each.
    public func rowCount(of kind: EventKind) -> Int {
        unsafe Int(kindCounts[Int(kind.rawValue)])
    }

    /// Rows of a kind that are summaries.
    public func summaryCount(of kind: EventKind) -> Int {
        unsafe Int(summaryCounts[Int(kind.rawValue)])
    }

    /// Events of a kind that were merged into its summaries.
    public func mergedCount(of kind: EventKind) -> UInt64 {
        unsafe mergedCounts[Int(kind.rawValue)]
    }

    /// Events of a kind, in rows of their own or merged.
    public func eventCount(of kind: EventKind) -> UInt64 {
        UInt64(rowCount(of: kind)) &+ mergedCount(of: kind)
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
        unsafe counts.pointee = Counts()
        enrichment = .empty
        unsafe kindCounts.update(repeating: 0, count: EventKind.limit)
        unsafe summaryCounts.update(repeating: 0, count: EventKind.limit)
        unsafe mergedCounts.update(repeating: 0, count: EventKind.limit)
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
