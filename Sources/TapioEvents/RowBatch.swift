import TapioBPF
public import TapioRings

/// Rows of one lane as records, as they came out of the rings: the unit of hand-over, stealing, encoding and I/O.
///
/// Records lie one behind another in buffers of a pool, which a batch takes as it fills and gives back when it is reset.
/// They become columns only in the encoder, after it has sorted them. A batch belongs to one lane, so that bulk can be shed
/// as a whole.
///
/// One thread owns a batch at a time; queues hand it on.
@safe
public final class RowBatch: @unchecked Sendable {
    // Unchecked: a batch has one owner at a time. Whoever pushes it into a queue lets go of it, and the queue orders
    // the pusher's writes before the popper's reads.

    /// Bounds of a batch.
    public struct Limits: Sendable, Hashable {
        /// At most 131,072: the encoder's sort keys have 17 bits for a row.
        public var rows: Int
        /// Bytes of records, with what each takes beside its own bytes; rounded up to whole buffers.
        public var bytes: Int

        /// The greatest number of rows that a batch can have.
        public static let maxRows = 131_072

        /// Limits of these numbers.
        ///
        /// - Precondition: 1 ≤ rows ≤ 131,072; bytes hold at least one record of the greatest size.
        public init(rows: Int = maxRows, bytes: Int = 8 << 20) {
            precondition(rows >= 1 && rows <= Limits.maxRows && bytes >= Int(TAPIO_RECORD_BYTES))
            self.rows = rows
            self.bytes = bytes
        }

        /// The tier of the buffers that hold records: a small batch shall not take large ones.
        public var recordTier: PoolTier { bytes >= 4 << 20 ? .large : .medium }

        /// Buffers of records in a full batch.
        public var recordBuffers: Int { (bytes + recordTier.byteCount - 1) / recordTier.byteCount }

        /// Buffers of the medium tier in which a full batch keeps where each of its rows lies, 16,384 in each.
        public var rowBuffers: Int { (rows + RowBatch.rowsPerBuffer - 1) / RowBatch.rowsPerBuffer }

        /// The buffers that `batches` of these limits take when they are full.
        public func pool(batches: Int) -> BufferPool.Limits {
            let records = batches * recordBuffers
            let rows = batches * rowBuffers
            return recordTier == .large
                ? BufferPool.Limits(medium: rows, large: records)
                : BufferPool.Limits(medium: rows + records, large: 0)
        }
    }

    /// The batch's bounds.
    public let limits: Limits
    /// The lane that all of its rows came through.
    public var lane: Lane = .bulk
    /// Counts sealed batches of one agent.
    public var sequence: UInt64 = 0
    /// Rows in the batch, summaries included.
    public var rowCount: Int { unsafe state.pointee.rows }
    /// Bytes that its records take in the buffers.
    public var byteCount: Int { unsafe state.pointee.bytes }
    /// Boot time of the oldest event, nanoseconds.
    public var earliestNs: Int64 { unsafe state.pointee.earliestNs }
    /// Boot time of the newest event, nanoseconds.
    public var latestNs: Int64 { unsafe state.pointee.latestNs }
    /// What the rows' enrichment ids mean.
    public var enrichment: EnrichmentTable = .empty
    /// For whoever keeps several pools of batches: where this one belongs.
    public var poolNumber = 0

    /// Bytes before each record: a word of its enrichment id and, in the highest 16 bits, its size.
    private static var prefixBytes: Int { 8 }
    private static var sizeShift: UInt64 { 48 }
    /// 16,384 offsets of 4 bytes fill a buffer of the medium tier (checked in `init`).
    @usableFromInline static var rowShift: Int { 14 }
    private static var rowsPerBuffer: Int { 1 << rowShift }

    // Invariants: `records` has `state.recordBuffers` buffers, `rows` has `state.rowBuffers`. Row i < rowCount has its
    // position (buffer number, offset in the buffer) in rows[i >> rowShift], and a record with its prefix lies there within
    // one buffer.
    private let pool: BufferPool
    private let records: UnsafeMutablePointer<PoolBuffer>
    private let rows: UnsafeMutablePointer<PoolBuffer>
    // The same as addresses: all that the hot path needs of a buffer.
    private let recordBases: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private let rowBases: UnsafeMutablePointer<UnsafeMutablePointer<UInt32>>
    private let kindCounts: UnsafeMutablePointer<UInt32>
    private let summaryCounts: UnsafeMutablePointer<UInt32>
    private let mergedCounts: UnsafeMutablePointer<UInt64>
    private let bufferBytes: Int
    private let bufferShift: Int
    // Behind a pointer: as properties of a class each access would be checked for exclusivity at run time, several times a
    // record, which took a third of the reader's time.
    private let state: UnsafeMutablePointer<State>

    private struct State {
        var rows = 0
        /// Where the next record begins.
        var bytes = 0
        var earliestNs = Int64.max
        var latestNs = Int64.min
        var recordBuffers = 0
        var rowBuffers = 0
    }

    /// An empty batch that takes its memory from `pool` as it fills, or from one of its own.
    public init(limits: Limits, pool: BufferPool? = nil) {
        precondition(Self.rowsPerBuffer * MemoryLayout<UInt32>.stride == PoolTier.medium.byteCount)
        self.limits = limits
        self.pool = pool ?? RowBatch.pool(for: limits)
        bufferBytes = limits.recordTier.byteCount
        bufferShift = bufferBytes.trailingZeroBitCount
        unsafe records = .allocate(capacity: limits.recordBuffers)
        unsafe rows = .allocate(capacity: limits.rowBuffers)
        unsafe recordBases = .allocate(capacity: limits.recordBuffers)
        unsafe rowBases = .allocate(capacity: limits.rowBuffers)
        unsafe kindCounts = .allocate(capacity: EventKind.limit)
        unsafe kindCounts.initialize(repeating: 0, count: EventKind.limit)
        unsafe summaryCounts = .allocate(capacity: EventKind.limit)
        unsafe summaryCounts.initialize(repeating: 0, count: EventKind.limit)
        unsafe mergedCounts = .allocate(capacity: EventKind.limit)
        unsafe mergedCounts.initialize(repeating: 0, count: EventKind.limit)
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    deinit {
        giveBackMemory()
        unsafe records.deallocate()
        unsafe rows.deallocate()
        unsafe recordBases.deallocate()
        unsafe rowBases.deallocate()
        unsafe kindCounts.deallocate()
        unsafe summaryCounts.deallocate()
        unsafe mergedCounts.deallocate()
        unsafe state.deallocate()
    }

    /// A pool with the memory of so many batches.
    public static func pool(for limits: Limits, batches: Int = 1) -> BufferPool {
        do throws(BufferPoolError) {
            return try BufferPool(limits: limits.pool(batches: batches))
        } catch {
            // As with any other allocation: there is nothing to go on with.
            fatalError("\(error)")
        }
    }

    /// Whether there is nothing in it.
    public var isEmpty: Bool { rowCount == 0 }

    /// Copies a record that ``RecordCheck`` has passed; false where the batch or its pool is full, and then nothing changed.
    public func append(_ record: RawSpan, enrichmentID: EnrichmentID = .none) -> Bool {
        let size = record.byteCount
        precondition(size >= MemoryLayout<tapio_header>.size && size <= Int(TAPIO_RECORD_BYTES))
        let taken = Self.prefixBytes + ((size + 7) & ~7)
        let row = unsafe state.pointee.rows
        var position = unsafe state.pointee.bytes
        // A record lies within one buffer: what is left of this one may be too little.
        if position & (bufferBytes - 1) + taken > bufferBytes { position = (position | (bufferBytes - 1)) + 1 }
        guard row < limits.rows else { return false }
        if unsafe position + taken > state.pointee.recordBuffers * bufferBytes
            || row >= state.pointee.rowBuffers * Self.rowsPerBuffer
        {
            guard hold(bytes: position + taken, rows: row + 1) else { return false }
        }
        let start = unsafe address(position)
        unsafe start.storeBytes(of: enrichmentID.word | UInt64(size) << Self.sizeShift, as: UInt64.self)
        unsafe record.withUnsafeBytes { bytes in
            unsafe (start + Self.prefixBytes).copyMemory(from: bytes.baseAddress!, byteCount: size)
        }
        unsafe rowSlot(row).pointee = UInt32(truncatingIfNeeded: position + Self.prefixBytes)
        unsafe kindCounts[Int(record.uint8(at: RecordCheck.kindOffset))] += 1
        let time = record.int64(at: 0)
        if unsafe time < state.pointee.earliestNs { unsafe state.pointee.earliestNs = time }
        if unsafe time > state.pointee.latestNs { unsafe state.pointee.latestNs = time }
        unsafe state.pointee.rows = row + 1
        unsafe state.pointee.bytes = position + taken
        return true
    }

    /// Copies a summary record (see `tapio_summary`), which stands for `merged` events until `lastNs`; false where the batch is
    /// full, and then nothing changed.
    public func append(summary record: RawSpan, merged: UInt64, lastNs: Int64, enrichmentID: EnrichmentID) -> Bool {
        guard append(record, enrichmentID: enrichmentID) else { return false }
        let kind = Int(record.uint8(at: RecordCheck.kindOffset))
        // Counted as a row above; it is none of an event.
        unsafe kindCounts[kind] -= 1
        unsafe summaryCounts[kind] += 1
        unsafe mergedCounts[kind] += merged
        if unsafe lastNs > state.pointee.latestNs { unsafe state.pointee.latestNs = lastNs }
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
        let start = unsafe address(Int(rowSlot(row).pointee))
        let size = unsafe Int((start - Self.prefixBytes).load(as: UInt64.self) >> Self.sizeShift)
        return try body(unsafe UnsafeRawBufferPointer(start: start, count: size).bytes)
    }

    /// What is known of the record at `row` beside its bytes.
    ///
    /// - Precondition: `row` is below `rowCount`.
    public func enrichmentID(at row: Int) -> EnrichmentID {
        precondition(row >= 0 && row < rowCount)
        return unsafe EnrichmentID(word: (address(Int(rowSlot(row).pointee)) - Self.prefixBytes).load(as: UInt64.self))
    }

    /// Says what is known of the record at `row`, instead of what was said before.
    ///
    /// - Precondition: `row` is below `rowCount`.
    public func setEnrichmentID(_ id: EnrichmentID, at row: Int) {
        precondition(row >= 0 && row < rowCount)
        let start = unsafe address(Int(rowSlot(row).pointee)) - Self.prefixBytes
        let size = unsafe start.load(as: UInt64.self) >> Self.sizeShift
        unsafe start.storeBytes(of: id.word | size << Self.sizeShift, as: UInt64.self)
    }

    /// All rows at once, for the encoder's loops. The pointers are valid during the call.
    @unsafe
    public func withUnsafeRows<Result>(_ body: (UnsafeRows) throws -> Result) rethrows -> Result {
        try unsafe body(
            UnsafeRows(
                records: UnsafePointer(recordBases),
                rows: UnsafePointer(rowBases),
                bufferShift: bufferShift,
                count: rowCount
            )
        )
    }

    /// Gives the records' memory back before the batch is reset: counts and times stay, rows can't be read any more.
    public func releaseRecords() { giveBackMemory() }

    /// Empties the batch; its memory goes back to the pool.
    public func reset() {
        giveBackMemory()
        unsafe state.pointee = State()
        enrichment = .empty
        unsafe kindCounts.update(repeating: 0, count: EventKind.limit)
        unsafe summaryCounts.update(repeating: 0, count: EventKind.limit)
        unsafe mergedCounts.update(repeating: 0, count: EventKind.limit)
    }

    // MARK: - Memory

    /// Bytes of the pool that it holds.
    public var heldBytes: Int {
        unsafe state.pointee.recordBuffers * bufferBytes + state.pointee.rowBuffers * PoolTier.medium.byteCount
    }

    /// Takes memory ahead, so that a drain need not ask for each record.
    ///
    /// - Parameters:
    ///   - bytes: Bytes of records that shall find room; the limits and the pool may give less.
    ///   - sparing: Buffers for records that the pool must keep free for others.
    public func reserve(bytes: Int, rows: Int, sparing: Int = 0) {
        let tier = limits.recordTier
        while byteRoom < bytes, unsafe state.pointee.recordBuffers < limits.recordBuffers {
            guard pool.free(tier) > sparing, holdRecordBuffer() else { break }
        }
        _ = holdRows(min(limits.rows, rowCount + rows))
    }

    /// Rows that it can take with the memory that it holds.
    public var recordRoom: Int {
        unsafe min(limits.rows, state.pointee.rowBuffers * Self.rowsPerBuffer) - rowCount
    }

    /// How many bytes of records, each rounded up to 8, may be begun so that even records of the greatest size fit into the
    /// memory that it holds. Not positive: none may.
    public var byteRoom: Int {
        let held = unsafe state.pointee.recordBuffers * bufferBytes
        let free = held - byteCount
        // Behind each buffer but the last there may be a rest that is too small for the next record.
        let rests = 1 + free / bufferBytes
        let certain = free - rests * (Int(TAPIO_RECORD_BYTES) + Self.prefixBytes)
        // The shortest record is a header of 64 bytes: prefixes take a ninth at most.
        return certain > 0 ? certain / 9 * 8 : certain
    }

    private func hold(bytes: Int, rows: Int) -> Bool {
        while unsafe state.pointee.recordBuffers * bufferBytes < bytes {
            guard holdRecordBuffer() else { return false }
        }
        return holdRows(rows)
    }

    private func holdRecordBuffer() -> Bool {
        let held = unsafe state.pointee.recordBuffers
        guard held < limits.recordBuffers, let buffer = pool.take(limits.recordTier) else { return false }
        unsafe (records + held).initialize(to: buffer)
        unsafe (recordBases + held).initialize(to: buffer.base)
        unsafe state.pointee.recordBuffers = held + 1
        return true
    }

    private func holdRows(_ wanted: Int) -> Bool {
        while unsafe state.pointee.rowBuffers * Self.rowsPerBuffer < wanted {
            guard let buffer = pool.take(.medium) else { return false }
            let held = unsafe state.pointee.rowBuffers
            unsafe (rows + held).initialize(to: buffer)
            unsafe (rowBases + held).initialize(
                to: buffer.base.bindMemory(to: UInt32.self, capacity: Self.rowsPerBuffer)
            )
            unsafe state.pointee.rowBuffers = held + 1
        }
        return true
    }

    private func giveBackMemory() {
        for index in unsafe 0..<state.pointee.recordBuffers { pool.giveBack(unsafe records[index]) }
        for index in unsafe 0..<state.pointee.rowBuffers { pool.giveBack(unsafe rows[index]) }
        unsafe state.pointee.recordBuffers = 0
        unsafe state.pointee.rowBuffers = 0
    }

    @inline(__always)
    @unsafe private func address(_ position: Int) -> UnsafeMutableRawPointer {
        unsafe recordBases[position >> bufferShift] + position & (bufferBytes - 1)
    }

    @inline(__always)
    @unsafe private func rowSlot(_ row: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe rowBases[row >> Self.rowShift] + row & (Self.rowsPerBuffer - 1)
    }
}

/// A batch's rows, by pointer.
@unsafe
public struct UnsafeRows {
    @usableFromInline let records: UnsafePointer<UnsafeMutableRawPointer>
    @usableFromInline let rows: UnsafePointer<UnsafeMutablePointer<UInt32>>
    @usableFromInline let bufferShift: Int
    /// Rows.
    public let count: Int

    init(
        records: UnsafePointer<UnsafeMutableRawPointer>,
        rows: UnsafePointer<UnsafeMutablePointer<UInt32>>,
        bufferShift: Int,
        count: Int
    ) {
        unsafe self.records = unsafe records
        unsafe self.rows = unsafe rows
        unsafe self.bufferShift = bufferShift
        unsafe self.count = count
    }

    /// Where the record of a row lies, for ``record(at:)``.
    @inlinable
    @inline(__always)
    public func position(of row: Int) -> UInt32 {
        unsafe rows[row >> RowBatch.rowShift][row & (1 << RowBatch.rowShift - 1)]
    }

    /// The record at a position.
    @inlinable
    @inline(__always)
    public func record(at position: UInt32) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(records[Int(position) >> bufferShift] + Int(position) & (1 << bufferShift - 1))
    }

    /// The enrichment id of the record at a position.
    @inlinable
    @inline(__always)
    public func enrichmentID(at position: UInt32) -> EnrichmentID {
        unsafe EnrichmentID(word: (record(at: position) - 8).load(as: UInt64.self))
    }
}
