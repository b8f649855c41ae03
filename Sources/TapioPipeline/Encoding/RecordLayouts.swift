import TapioBPF
import TapioEvents

/// How the fixed part of some records lies: those of one kind's events, or of its summaries.
struct RecordLayout: Sendable {
    let kind: EventKind
    /// Whether each record stands for several merged events.
    let isSummary: Bool
    /// Bytes of the fixed part, rounded up to 8.
    let stride: Int
}

/// All layouts that a batch may hold, numbered densely: a number fits into the 8 bits that a sort key has for it.
struct RecordLayouts: Sendable {
    /// By number: by kind, its summaries behind its events.
    let all: [RecordLayout]
    /// By kind, then by kind for summaries; of undeclared ones 0, which ``BatchSorter`` notices by the sum of rows.
    private let numbers: [UInt8]

    init(_ registry: SchemaRegistry) {
        var all: [RecordLayout] = []
        var numbers = [UInt8](repeating: 0, count: 2 * EventKind.limit)
        for schema in registry.schemas {
            numbers[Int(schema.kind.rawValue)] = UInt8(all.count)
            all.append(RecordLayout(kind: schema.kind, isSummary: false, stride: schema.summaryOffset))
            guard schema.aggregation != nil else { continue }
            numbers[EventKind.limit + Int(schema.kind.rawValue)] = UInt8(all.count)
            let stride = schema.summaryOffset + MemoryLayout<tapio_summary>.size
            all.append(RecordLayout(kind: schema.kind, isSummary: true, stride: stride))
        }
        precondition(all.count <= 256, "more layouts than a sort key can number")
        self.all = all
        self.numbers = numbers
    }

    /// The numbers, for the sorter's loop: see ``place(ofWord:)``.
    @unsafe
    func withUnsafeNumbers<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        unsafe numbers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }

    /// Where in the numbers a record's layout is, by the word of its header that holds keep and kind (``wordOffset``).
    @inline(__always)
    static func place(ofWord word: UInt64) -> Int {
        let kind = Int(truncatingIfNeeded: word >> 48 & 0xff)
        let isSummary = UInt32(truncatingIfNeeded: word) == TAPIO_KEEP_SUMMARY
        return kind + (isSummary ? EventKind.limit : 0)
    }

    /// Offset of that word: keep is its first half, the kind its byte 6.
    static let wordOffset = RecordCheck.keepOffset
}
