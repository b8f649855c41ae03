public import TapioBPF

/// Why a record from ring memory was refused.
public enum RecordFault: UInt8, CaseIterable, Sendable {
    /// Shorter than a header, or than its kind's fixed part.
    case tooShort
    /// Longer than its kind allows.
    case tooLong
    /// No schema declares the kind.
    case unknownKind
    /// A string that points outside the record, or into its fixed part.
    case stringOutOfBounds
    /// A keep probability above 1.
    case keepOutOfRange

    /// The name that gap rows give as the reason.
    public var name: String {
        switch self {
        case .tooShort: "too_short"
        case .tooLong: "too_long"
        case .unknownKind: "unknown_kind"
        case .stringOutOfBounds: "string_out_of_bounds"
        case .keepOutOfRange: "keep_out_of_range"
        }
    }
}

/// Checks records before anything else reads them: ring memory is never trusted.
///
/// After `fault(in:)` returned nil, every offset that the kind's schema names lies within the record.
public struct RecordCheck: Sendable {
    private struct Shape {
        var fixedSize: Int32 = 0  // 0: undeclared
        var firstString: Int16 = 0
        var stringCount: Int16 = 0
        /// Bytes of the record of merged events; 0: the kind has none.
        var mergedSize: Int32 = 0
    }

    private var shapes: [Shape]
    private var stringOffsets: [Int] = []

    /// A check for the kinds of `registry`, without the ledger's: no kernel program may write those.
    public init(_ registry: SchemaRegistry) {
        precondition(MemoryLayout<tapio_header>.offset(of: \.kind) == RecordCheck.kindOffset)
        precondition(MemoryLayout<tapio_header>.offset(of: \.keep) == RecordCheck.keepOffset)
        shapes = [Shape](repeating: Shape(), count: EventKind.limit)
        for schema in registry.schemas where schema.kind != .ledger {
            precondition(schema.fixedSize <= Int(TAPIO_RECORD_BYTES))
            let strings = schema.stringOffsets
            shapes[Int(schema.kind.rawValue)] = Shape(
                fixedSize: Int32(schema.fixedSize),
                firstString: Int16(stringOffsets.count),
                stringCount: Int16(strings.count),
                mergedSize: schema.isMergedInKernel
                    ? Int32(schema.summaryOffset + MemoryLayout<tapio_merged>.size) : 0
            )
            stringOffsets += strings
        }
    }

    /// What is wrong with `record`, or nil.
    public func fault(in record: RawSpan) -> RecordFault? {
        let size = record.byteCount
        guard size >= MemoryLayout<tapio_header>.size else { return .tooShort }
        let shape = shapes[Int(record.uint8(at: RecordCheck.kindOffset))]
        let fixed = Int(shape.fixedSize)
        if fixed == 0 { return .unknownKind }
        if size < fixed { return .tooShort }
        let keep = record.uint32(at: RecordCheck.keepOffset)
        if keep > UInt32(TAPIO_KEEP_ALL) { return faultOfMerged(size, keep, shape) }
        if shape.stringCount == 0 { return size == fixed ? nil : .tooLong }
        if size > Int(TAPIO_RECORD_BYTES) { return .tooLong }
        for index in Int(shape.firstString)..<Int(shape.firstString + shape.stringCount) {
            let at = stringOffsets[index]
            let length = Int(record.uint16(at: at + 2))
            if length == 0 { continue }
            let offset = Int(record.uint16(at: at))
            if offset < fixed || offset + length > size { return .stringOutOfBounds }
        }
        return nil
    }

    /// What is wrong with a record that no single event can be. Its strings are not looked at: summaries have none.
    private func faultOfMerged(_ size: Int, _ keep: UInt32, _ shape: Shape) -> RecordFault? {
        guard keep == TAPIO_KEEP_MERGED, shape.mergedSize > 0 else { return .keepOutOfRange }
        if size < Int(shape.mergedSize) { return .tooShort }
        return size == Int(shape.mergedSize) ? nil : .tooLong
    }

    /// Whether a record, in which there is no fault, stands for several events that a program merged.
    @inlinable
    public static func isMerged(_ record: RawSpan) -> Bool {
        record.uint32(at: keepOffset) == TAPIO_KEEP_MERGED
    }

    // Literals, checked in `init`: a computed one is initialised at first use, which each later use asks about.
    /// Offset of the kind in every record.
    public static let kindOffset = 46
    /// Offset of the keep probability in every record.
    public static let keepOffset = 40
}
