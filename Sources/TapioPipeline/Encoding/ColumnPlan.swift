import TapioArchive
import TapioEvents

/// For each column of the table, what fills it in each layout: built once, so that a batch's columns are loops without look-ups.
struct ColumnPlan: Sendable {
    /// How a column is filled.
    struct Filling: Sendable {
        let column: Column
        /// By layout; nil where that has no such field.
        let fields: [Field?]
        /// By layout: whether it is filled from enrichment there. Kinds that themselves tell of pods fill those columns from
        /// their records.
        let isEnrichment: [Bool]
        /// Whether it is filled from what is known of the other end.
        let isRemote: Bool
    }

    let fillings: [Filling]
    /// The layouts of records.
    let layouts: RecordLayouts
    /// By kind, whether records have strings beside their fixed part, which the sorter does not copy.
    let hasStrings: [Bool]
    /// Names of kinds by number.
    let kindNames: [[UInt8]]

    init(_ registry: SchemaRegistry) {
        let layouts = RecordLayouts(registry)
        self.layouts = layouts
        let fieldsOfLayout = layouts.all.map { layout in
            layout.isSummary ? registry.summaryFields(of: layout.kind) : registry.fields(of: layout.kind)
        }
        fillings = registry.columns.enumerated().map { index, column in
            let fields = fieldsOfLayout.map { $0[index] }
            for case .some(let field) in fields {
                precondition(
                    ColumnPlan.fits(field),
                    "the source of column \(column.name) does not make its type, or crosses a word"
                )
            }
            let isEnrichment = fields.map { field in
                if case .some(.enrichment) = field?.source { true } else { false }
            }
            let isRemote = fields.contains { field in
                if case .some(.remote) = field?.source { true } else { false }
            }
            return Filling(column: column, fields: fields, isEnrichment: isEnrichment, isRemote: isRemote)
        }
        var hasStrings = [Bool](repeating: false, count: EventKind.limit)
        for schema in registry.schemas { hasStrings[Int(schema.kind.rawValue)] = !schema.stringOffsets.isEmpty }
        self.hasStrings = hasStrings
        kindNames = (0..<EventKind.limit).map { Array(registry.name(of: EventKind(rawValue: UInt8($0))).utf8) }
    }

    /// Whether a source gives what its column holds, and lies in the record as ``KindRun/place(of:)`` asks: nothing reaches over
    /// the end of an 8-byte word, and what is longer begins with one. So C lays out its structs, but for arrays of bytes.
    private static func fits(_ field: Field) -> Bool {
        switch field.source {
        case .uint8: field.column.type == .int32 || field.column.type == .int64
        case .uint16(let at): (field.column.type == .int32 || field.column.type == .int64) && at % 2 == 0
        case .uint32(let at): (field.column.type == .int32 || field.column.type == .int64) && at % 4 == 0
        case .uint64(let at): (field.column.type == .int64 || field.column.type == .timestamp) && at % 8 == 0
        case .bootTimeSubNs(let at): (field.column.type == .int32 || field.column.type == .int64) && at % 8 == 0
        case .bootTime(let at): field.column.type == .timestamp && at % 8 == 0
        case .weight(let at): field.column.type == .double && at % 4 == 0
        case .weightSum(let count, let keep): field.column.type == .double && count % 8 == 0 && keep % 4 == 0
        case .hex64(let at), .ipAddress(let at), .bits(let at, _): field.column.type == .string && at % 8 == 0
        case .paddedString(let at, let count): field.column.type == .string && at % 8 == 0 && count % 8 == 0
        case .string(let at), .list(let at, _), .dns(let at, _): field.column.type == .string && at % 4 == 0
        case .code(let at, _): field.column.type == .string && at % 4 == 0
        case .symbol, .kindName, .enrichment, .remote: field.column.type == .string
        }
    }
}
