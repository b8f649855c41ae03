import TapioArchive

/// Makes log records from the rows of a row group.
///
/// What repeats is encoded once: a text by entry of its dictionary, the name of a number by column. Memory: the decoded
/// columns that have values, and one batch of records.
struct OTLPLogEncoder {
    /// Records one after another, each as a field of `ScopeLogs`.
    struct Batch {
        /// The rows.
        var rows: Range<Int>
        /// All records.
        var bytes: [UInt8]
        /// Where each begins, and where the last ends.
        var starts: [Int]

        /// The records of some of the rows.
        func bytes(_ part: Range<Int>) -> ArraySlice<UInt8> {
            bytes[starts[part.lowerBound - rows.lowerBound]..<starts[part.upperBound - rows.lowerBound]]
        }
    }

    /// Rows of the group.
    let rowCount: Int
    private let times: [Int64]
    private let nanoseconds: [Int64]
    private let kinds: EncodedKinds
    private let severities: EncodedSeverities
    private let attributes: [EncodedAttributes]
    /// Whether the protocol is told by an attribute of its own.
    private let transport: ColumnData?
    private var record = ProtobufWriter()

    /// Decodes a group.
    init(_ table: SegmentTable, _ group: SegmentRowGroup) throws(ArchiveReadError) {
        func read(_ name: String) throws(ArchiveReadError) -> ColumnData? {
            guard let index = table.schema.index(of: name) else { return nil }
            return try table.readColumn(index, of: group)
        }
        rowCount = group.rowCount
        let none = [Int64](repeating: 0, count: rowCount)
        times = try read("ts")?.integers ?? none
        nanoseconds = try read("ts_sub_ns")?.integers ?? none
        kinds = EncodedKinds(try read("kind"))
        transport = try read("protocol")
        var columns: [String: ColumnData] = [:]
        var attributes: [EncodedAttributes] = []
        for (index, column) in table.schema.columns.enumerated() where !OTLPAttributes.fields.contains(column.name) {
            let isProtocol = column.name == "protocol"
            guard let data = isProtocol ? transport : try table.readColumn(index, of: group) else { continue }
            if EncodedSeverities.columns.contains(column.name) { columns[column.name] = data }
            attributes.append(EncodedAttributes(column, data))
        }
        self.attributes = attributes
        severities = EncodedSeverities(try read("priority"), columns)
    }

    /// The records from a row on, up to a number of rows and of bytes, but one at least.
    mutating func batch(from first: Int, rows most: Int, bytes mostBytes: Int) -> Batch {
        var output = ProtobufWriter()
        var starts = [0]
        var row = first
        while row < rowCount, row - first < most {
            encode(row)
            if row > first, output.bytes.count + record.bytes.count > mostBytes { break }
            // ScopeLogs.log_records.
            output.head(2, byteCount: record.bytes.count)
            output.raw(record.bytes)
            starts.append(output.bytes.count)
            row += 1
        }
        return Batch(rows: first..<row, bytes: output.bytes, starts: starts)
    }

    /// A `LogRecord`.
    private mutating func encode(_ row: Int) {
        record.removeAll()
        let time = UInt64(bitPattern: times[row] &* 1000 &+ nanoseconds[row])
        let kind = kinds.entry(row)
        record.field(1, fixed64: time)
        record.raw(severities.encoded(row, isLedger: kinds.isLedger(kind)))
        record.raw(kinds.body(kind))
        for column in attributes { column.write(row, to: &record) }
        if let text = kinds.transport(kind), transport?.isValid(row) != true { record.raw(text) }
        // The kernel's time is when it was observed.
        record.field(11, fixed64: time)
        record.raw(kinds.eventName(kind))
    }
}

extension ColumnData {
    /// The numbers of a column of numbers.
    var integers: [Int64]? {
        if case .integers(let values) = values { values } else { nil }
    }

    /// The texts of a column of strings.
    var strings: StringColumn? {
        if case .strings(let column) = values { column } else { nil }
    }
}

/// What follows from a row's kind, by entry of the dictionary.
private struct EncodedKinds {
    private struct Kind {
        var body: [UInt8]
        var eventName: [UInt8]
        var transport: [UInt8]?
        var isLedger: Bool

        init(_ name: String) {
            var writer = ProtobufWriter()
            writer.field(5) { $0.field(1, text: name) }
            body = writer.bytes
            writer.removeAll()
            writer.field(12, text: name)
            eventName = writer.bytes
            transport = OTLPAttributes.transport(ofKind: name).map { transport in
                var writer = ProtobufWriter()
                writer.field(OTLPValue.recordAttributes, bytes: OTLPValue.pair(OTLPAttributes.transport, transport))
                return writer.bytes
            }
            isLedger = name == "_ledger"
        }
    }

    private let kinds: [Kind]
    private let indices: [UInt32]

    init(_ data: ColumnData?) {
        let column = data?.strings
        kinds = (0..<(column?.entryCount ?? 0)).map { Kind(column?.text($0) ?? "") } + [Kind("")]
        indices = column?.indices ?? []
    }

    /// The last one where the row has none.
    func entry(_ row: Int) -> Int {
        guard row < indices.count, indices[row] < kinds.count else { return kinds.count - 1 }
        return Int(indices[row])
    }

    func body(_ entry: Int) -> [UInt8] { kinds[entry].body }
    func eventName(_ entry: Int) -> [UInt8] { kinds[entry].eventName }
    func transport(_ entry: Int) -> [UInt8]? { kinds[entry].transport }
    func isLedger(_ entry: Int) -> Bool { kinds[entry].isLedger }
}

/// How much a row matters: its priority, and for the ledger's rows whether they tell of a loss.
private struct EncodedSeverities {
    /// Columns of the ledger that count what was lost.
    private static let losses = ["ledger_ring_full", "ledger_malformed", "ledger_shed", "ledger_failed"]
    /// All that it needs of the ledger.
    static let columns = Set(losses + ["ledger_entry", "ledger_stage"])

    private let byEntry: [[UInt8]]
    private let indices: [UInt32]
    private let ledger: [[UInt8]]
    private let columns: [String: ColumnData]

    init(_ priorities: ColumnData?, _ columns: [String: ColumnData]) {
        let names = priorities?.strings
        let entries = (0..<(names?.entryCount ?? 0)).map { names?.text($0) ?? "" }
        byEntry = (entries + [""]).map { Self.encoded(OTLPSeverity(priority: $0), $0) }
        indices = names?.indices ?? []
        ledger = [OTLPSeverity.info, .warn].map { Self.encoded($0, "critical") }
        self.columns = columns
    }

    private static func encoded(_ severity: OTLPSeverity, _ text: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.field(2, varint: severity.rawValue)
        if !text.isEmpty { writer.field(3, text: text) }
        return writer.bytes
    }

    func encoded(_ row: Int, isLedger: Bool) -> [UInt8] {
        if isLedger { return ledger[tellsLoss(row) ? 1 : 0] }
        guard row < indices.count, indices[row] < byEntry.count else { return byEntry[byEntry.count - 1] }
        return byEntry[Int(indices[row])]
    }

    private func tellsLoss(_ row: Int) -> Bool {
        if Self.losses.contains(where: { (columns[$0]?.integers?[row] ?? 0) > 0 }) { return true }
        func text(_ name: String) -> String {
            guard let column = columns[name]?.strings, column.indices[row] != StringColumn.noValue else { return "" }
            return column.text(Int(column.indices[row]))
        }
        switch text("ledger_entry") {
        case "gap", "unclean_shutdown": return true
        case "retention": return text("ledger_stage") == "export"
        default: return false
        }
    }
}

/// `SeverityNumber`.
enum OTLPSeverity: UInt64 {
    case debug = 5
    case info = 9
    case info2 = 10
    case warn = 13
    case error = 17

    /// Of an event's priority.
    init(priority: String) {
        switch priority {
        case "critical": self = .error
        case "high": self = .info2
        case "low": self = .debug
        default: self = .info
        }
    }
}
