import TapioBPF
public import TapioEvents

/// Builds rows of the ledger, which go through the same encoders as events (`kind = '_ledger'`, weight 0).
///
/// Bounded: what no longer fits is refused, and the caller writes it into the next one.
public struct LedgerRows: Sendable {
    /// One row. What is not set is null in the archive.
    public struct Row: Sendable, Hashable {
        /// What it tells: a number of `TAPIO_LEDGER_…`.
        public var entry: UInt8
        /// The kind that it is about; ``EventKind/ledger`` for none.
        public var kind = EventKind.ledger
        /// The priority of that kind; nil where it is about none.
        public var priority: Priority?
        /// The CPU that it is about.
        public var cpu: Int?
        /// Begin, boot time ns; may be negative for what happened before this boot.
        public var fromNs: Int64
        /// End, boot time ns.
        public var toNs: Int64
        /// The counts of an interval.
        public var counts: LedgerEntry?
        /// How many were lost (gap), deleted (retention), unreadable (unclean shutdown).
        public var count: UInt64?
        /// Hash of the configuration now in force.
        public var configHash: UInt64?
        /// Hash of the configuration before.
        public var configHashBefore: UInt64?
        /// Where in the pipeline.
        public var stage = ""
        /// Why.
        public var reason = ""
        /// The collector that it is about.
        public var collector = ""
        /// What else there is to say.
        public var note = ""

        /// A row about a span of time.
        public init(entry: Int, fromNs: Int64, toNs: Int64) {
            self.entry = UInt8(entry)
            self.fromNs = fromNs
            self.toNs = toNs
        }
    }

    /// Bytes of text in one row; longer texts are cut.
    public static let longestText = 1024

    let batch: RowBatch
    private var sequence: UInt64

    /// An empty set of rows.
    ///
    /// - Parameters:
    ///   - firstSequence: Number of the first row: the ledger's rows are numbered in the column `seq`.
    ///   - rows: The most rows.
    public init(firstSequence: UInt64, rows: Int = 1024) {
        batch = RowBatch(limits: RowBatch.Limits(rows: rows, bytes: rows * 512 + Int(TAPIO_RECORD_BYTES)))
        batch.lane = .urgent
        sequence = firstSequence
    }

    /// Rows so far.
    public var count: Int { batch.rowCount }

    /// Number for the next row.
    public var nextSequence: UInt64 { sequence }

    /// Adds a row that is written at boot time `atNs`; false where there is no room.
    public mutating func append(_ row: Row, atNs: Int64) -> Bool {
        var record = tapio_ledger()
        record.header.time_ns = UInt64(bitPattern: atNs)
        record.header.sequence = sequence
        record.header.kind = EventKind.ledger.rawValue
        record.header.priority = Priority.critical.rawValue
        record.header.comm = LedgerRows.comm
        record.from_ns = row.fromNs
        record.to_ns = row.toNs
        let absent = UInt64.max
        record.attempted = row.counts?.attempted ?? absent
        record.filtered = row.counts?.filtered ?? absent
        record.sampled_out = row.counts?.sampledOut ?? absent
        record.ring_full = row.counts?.ringFull ?? absent
        record.malformed = row.counts?.malformed ?? absent
        record.aggregated = row.counts?.aggregated ?? absent
        record.shed = row.counts?.shed ?? absent
        record.failed = row.counts?.failed ?? absent
        record.archived = row.counts?.archived ?? absent
        record.in_flight = row.counts.map { UInt64(bitPattern: max(0, $0.inFlight)) } ?? absent
        record.count = row.count ?? absent
        record.config_hash = row.configHash ?? absent
        record.config_hash_before = row.configHashBefore ?? absent
        record.subject_kind = row.kind.rawValue
        record.subject_priority = row.priority?.rawValue ?? .max
        record.entry = row.entry
        record.subject_cpu = row.cpu.map { UInt32(truncatingIfNeeded: $0) } ?? .max
        var text: [UInt8] = []
        func place(_ string: String) -> tapio_string {
            let bytes = string.utf8.prefix(LedgerRows.longestText)
            defer { text += bytes }
            return tapio_string(
                offset: UInt16(MemoryLayout<tapio_ledger>.size + text.count),
                length: UInt16(bytes.count)
            )
        }
        record.stage = place(row.stage)
        record.reason = place(row.reason)
        record.collector = place(row.collector)
        record.note = place(row.note)
        let bytes = unsafe withUnsafeBytes(of: record) { unsafe Array($0) } + text
        guard unsafe batch.append(bytes.span.bytes) else { return false }
        sequence += 1
        return true
    }

    /// `tapio`, NUL-padded.
    private static var comm:
        (
            CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar,
            CChar
        )
    {
        (0x74, 0x61, 0x70, 0x69, 0x6f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    }
}
