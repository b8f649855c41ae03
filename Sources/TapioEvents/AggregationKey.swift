import TapioBPF

/// A kind's ``Aggregation`` resolved into bytes of its record.
public struct AggregationKey: Sendable, Hashable {
    /// Some bytes of a word of the record.
    public struct Word: Sendable, Hashable {
        /// From the record's start, a multiple of 8.
        public var offset: Int
        /// The bits that belong to the key.
        public var mask: UInt64
    }

    /// The byte that decides which of the two keys holds.
    public struct Discriminator: Sendable, Hashable {
        /// From the record's start.
        public var offset: Int
        /// The value for which ``AggregationKey/exceptionalWords`` hold.
        public var value: UInt8
    }

    /// The fields of the key, and of the exceptional one.
    public let fields: [Field]
    /// The key, by ascending offset. The kind is part of it.
    public let words: [Word]
    /// The key where the discriminator has its value; empty without an exception.
    public let exceptionalWords: [Word]
    /// What decides between the two.
    public let discriminator: Discriminator?
    /// Where the measure is; nil without one.
    public let measureOffset: Int?
    /// Whether all ones in the measure mean that there is none.
    public let measureMayBeAbsent: Bool

    /// Columns that each key has to name: in a summary, 0 in them would say something that is not so.
    public static let indispensable = ["cgroup_id", "uid"]

    /// Resolves the declaration of a kind.
    ///
    /// - Precondition: each column is the kind's, lies in the fixed part, and is a number, an address, padded text or a symbol;
    ///   those of ``indispensable`` are named; a column of only one of two keys is null where it is zero; the measure is a
    ///   UInt64.
    init(_ aggregation: Aggregation, of schema: EventSchema) {
        func field(_ name: String) -> Field {
            guard let field = (HeaderFields.all + schema.fields).first(where: { $0.column.name == name }) else {
                preconditionFailure("\(schema.name) is to be aggregated by \(name), which it does not have")
            }
            return field
        }
        let always = aggregation.key.map(field)
        let exceptional = aggregation.exception?.key.map(field) ?? always
        for name in Self.indispensable {
            precondition(
                aggregation.key.contains(name) && exceptional.contains { $0.column.name == name },
                "\(schema.name) has to be aggregated by \(name) as well"
            )
        }
        for single in always.filter({ !exceptional.contains($0) }) + exceptional.filter({ !always.contains($0) }) {
            precondition(single.absence == .zero, "\(single.column.name) has to be null where it is not in the key")
        }
        fields = always + exceptional.filter { !always.contains($0) }
        words = Self.words(of: always, schema)
        exceptionalWords = aggregation.exception == nil ? [] : Self.words(of: exceptional, schema)
        discriminator = aggregation.exception.map { exception in
            let field = field(exception.column)
            guard case .symbol(let at, let names) = field.source, let value = names.firstIndex(of: exception.text),
                always.contains(field), exceptional.contains(field)
            else { preconditionFailure("\(schema.name): \(exception.column) cannot decide about the key") }
            return Discriminator(offset: at, value: UInt8(value))
        }
        if let measure = aggregation.measure.map(field) {
            guard case .uint64(let at) = measure.source else {
                preconditionFailure("\(schema.name): the measure \(measure.column.name) is no UInt64")
            }
            measureOffset = at
            measureMayBeAbsent = measure.absence == .allOnes
        } else {
            measureOffset = nil
            measureMayBeAbsent = false
        }
    }

    private static func words(of fields: [Field], _ schema: EventSchema) -> [Word] {
        var masks: [Int: UInt64] = [:]
        // Byte by byte in memory order: the host is little-endian, as all of Tapio's formats are.
        func add(_ bytes: Range<Int>) {
            precondition(bytes.upperBound <= schema.fixedSize, "\(schema.name): the key is not in the fixed part")
            for at in bytes { masks[at & ~7, default: 0] |= 0xff << UInt64((at & 7) * 8) }
        }
        let kind = MemoryLayout<tapio_header>.offset(of: \.kind)!
        let priority = MemoryLayout<tapio_header>.offset(of: \.priority)!
        add(kind..<kind + 1)
        add(priority..<priority + 1)
        for field in fields { add(bytes(of: field, schema)) }
        return masks.sorted { $0.key < $1.key }.map { Word(offset: $0.key, mask: $0.value) }
    }

    private static func bytes(of field: Field, _ schema: EventSchema) -> Range<Int> {
        switch field.source {
        case .uint8(let at), .symbol(let at, _): at..<at + 1
        case .uint16(let at): at..<at + 2
        case .uint32(let at), .code(let at, _): at..<at + 4
        case .uint64(let at), .hex64(let at), .bits(let at, _): at..<at + 8
        case .ipAddress(let at): at..<at + 16
        case .paddedString(let at, let count): at..<at + count
        case .bootTime, .bootTimeSubNs, .string, .list, .dns, .kindName, .weight, .weightSum, .enrichment, .remote:
            preconditionFailure("\(schema.name) cannot be aggregated by \(field.column.name)")
        }
    }
}

extension EventSchema {
    /// How its events are grouped; nil where they never are.
    public var aggregationKey: AggregationKey? { aggregation.map { AggregationKey($0, of: self) } }

    /// Whether the program itself merges such events.
    public var isMergedInKernel: Bool { aggregation?.isInKernel ?? false }

    /// Where `tapio_summary` begins in a summary record of this kind, or `tapio_merged` in a program's.
    public var summaryOffset: Int { (fixedSize + 7) & ~7 }
}
