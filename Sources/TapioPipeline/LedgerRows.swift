import TapioBPF
public import TapioEvents

/// Builds rows of the ledger, which go through the same encoders as events (`kind = '_ledger'`, weight 0).
///
/// Bounded: what no longer fits is refused, and the caller writes it into the next one.
public struct LedgerRows: Sendable {
    /// Bytes of text in one row; longer texts are cut.
    public static let longestText = 1024

    /// The rows as records, for an encoder.
    public let batch: RowBatch
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
    public mutating func append(_ row: LedgerRow, atNs: Int64) -> Bool {
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
        record.in_flight = row.inFlight.map { UInt64(bitPattern: $0) } ?? absent
        record.count = row.count ?? absent
        record.config_hash = row.configHash ?? absent
        record.config_hash_before = row.configHashBefore ?? absent
        record.subject_kind = row.kind.rawValue
        record.subject_priority = row.kind == .ledger ? .max : row.priority.rawValue
        record.entry = row.entry.rawValue
        record.subject_cpu = row.cpu ?? .max
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
