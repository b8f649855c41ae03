public import TapioEvents

/// Answers a question from events as they come, line by line from the running agent: the same filters, groups and aggregates as
/// for an archive.
public final class LiveQuery {
    private let query: Query
    private let engine: QueryEngine
    private let groups: GroupTable
    private let columns: [String: Column]
    /// Fields that the question reads; nil: all, where single rows are shown.
    private let wanted: Set<String>?
    private var scan = ScanState(total: 0, progress: nil)
    private var rows = LiveRows()
    private var textBytes = 0

    /// Events that the agent left out because its live view could not follow.
    public private(set) var skipped: UInt64 = 0
    /// Lines that were no event.
    public private(set) var malformed: UInt64 = 0
    /// Events that came.
    public private(set) var events: UInt64 = 0

    /// Rows that are collected before they are looked at.
    private static let batchRows = 4096
    private static let batchBytes = 4 << 20

    /// Whether the caller should take rows before it adds more.
    public var isFull: Bool { rows.rowCount >= LiveQuery.mostRows || textBytes >= LiveQuery.batchBytes * 4 }

    private static let mostRows = 32_768

    /// The name under which the agent says how many events it left out.
    public static let skippedField = "_skipped"

    /// A question about what happens from now on.
    public init(_ query: Query, schema: QuerySchema, limits: QueryLimits = QueryLimits()) {
        self.query = query
        engine = QueryEngine(segments: [], limits: limits)
        groups = GroupTable(query, limits: limits)
        columns = Dictionary(schema.columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        wanted =
            query.spec.isAggregate
            ? query.filter.columns.union(query.aggregatedColumns).union(["weight", "agg_count"]) : nil
    }

    /// Takes an event as the agent's line of JSON.
    ///
    /// - Throws: ``QueryError`` where a bound of memory is reached.
    public func add(_ line: ArraySlice<UInt8>) throws(QueryError) {
        var values: [(Column, EventValue)] = []
        var left: UInt64?
        let isEvent = LiveLine.read(line) { name, value in
            let name = String(decoding: name, as: UTF8.self)
            if name == Self.skippedField, case .number(let digits) = value {
                left = UInt64(String(decoding: digits, as: UTF8.self))
                return
            }
            guard wanted?.contains(name) != false, let column = columns[name] else { return }
            let typed = Self.value(value, column.type)
            if typed != .null { values.append((column, typed)) }
        }
        if let left {
            skipped = left
            return
        }
        guard isEvent else {
            malformed += 1
            return
        }
        events += 1
        rows.beginRow()
        for (column, value) in values {
            if case .string(let text) = value { textBytes += text.utf8.count }
            rows.set(column, value)
        }
        if rows.rowCount >= Self.batchRows || textBytes >= Self.batchBytes, query.spec.isAggregate { try flush() }
    }

    /// Adds what was collected to the groups.
    private func flush() throws(QueryError) {
        guard let batch = takeRows() else { return }
        try engine.add(batch, query, to: groups, &scan)
    }

    private func takeRows() -> LiveRows? {
        guard rows.rowCount > 0 else { return nil }
        rows.end()
        defer {
            rows = LiveRows()
            textBytes = 0
        }
        return rows
    }

    /// The groups as of now.
    public func table() throws(QueryError) -> QueryTable {
        try flush()
        return try QueryTable(query, groups, scan.summary)
    }

    /// The single rows that passed since the last call, in the order in which they came.
    public func takeEvents() -> [DecodedEvent] {
        guard let batch = takeRows(),
            let selected = try? engine.select(batch, query.filter, reading: [], &scan)
        else { return [] }
        scan.count(selected)
        let shown = query.shown.compactMap { column in
            (try? selected.reader.column(column.source.name)).flatMap { $0 }.map { (column, $0) }
        }
        return selected.rows.map { row in
            var event = DecodedEvent(values: [])
            for (column, vector) in shown {
                let value = vector.value(Int(row), column.source.type)
                if value != .null { event.values.append((column.shown, column.value(value))) }
            }
            return event
        }
    }

    /// What the answer lacks, and how it was found.
    public var summary: ScanSummary { scan.summary }

    /// The kinds that can pass, for the agent; empty where all can.
    public static func kinds(of query: Query, among schema: QuerySchema) -> [String] {
        let all = schema.kinds.filter { !$0.hasPrefix("_") }
        let wanted = all.filter { query.mayConcern(kind: $0) }
        return wanted.count == all.count ? [] : wanted
    }

    private static func value(_ value: LiveLine.Value, _ type: ColumnType) -> EventValue {
        switch (value, type) {
        case (.text(let bytes), .string): return .string(String(decoding: bytes, as: UTF8.self))
        case (.text(let bytes), .timestamp):
            let ns = HumanTime.nanoseconds(rfc3339: String(decoding: bytes, as: UTF8.self))
            return ns.map { .timestamp($0 / 1000 - ($0 % 1000 < 0 ? 1 : 0)) } ?? .null
        case (.number(let digits), .int32), (.number(let digits), .int64):
            return Int64(String(decoding: digits, as: UTF8.self)).map { .int($0) } ?? .null
        case (.number(let digits), .double):
            return Double(String(decoding: digits, as: UTF8.self)).map { .double($0) } ?? .null
        default: return .null
        }
    }
}
