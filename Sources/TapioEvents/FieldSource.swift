/// Where in a record a field's value is found, and how its bytes become a value. Offsets are from the record's start.
public enum FieldSource: Sendable, Hashable {
    case uint8(at: Int)
    case uint16(at: Int)
    case uint32(at: Int)
    /// In a column of timestamps: microseconds since 1970, UTC.
    case uint64(at: Int)
    /// Nanoseconds since boot, signed, made a UTC timestamp with the clock offset of the batch.
    case bootTime(at: Int)
    /// The nanoseconds within the microsecond of a boot time (0–999).
    case bootTimeSubNs(at: Int)
    /// A 64-bit number as 16 hexadecimal digits.
    case hex64(at: Int)
    /// Bytes padded with NUL.
    case paddedString(at: Int, count: Int)
    /// A `tapio_string` in the fixed part; its bytes are elsewhere in the same record.
    case string(at: Int)
    /// A `tapio_string` of several parts, shown as one text.
    case list(at: Int, TextList)
    /// A `tapio_string` of a DNS message, of which a part is shown; null where it has none.
    case dns(at: Int, DNSMessage.Part)
    /// Sixteen bytes: an IPv6 address, or an IPv4 one mapped into it, shown in its usual text form.
    case ipAddress(at: Int)
    /// A byte that indexes a list of names. An index past the end, or an empty name, is null.
    case symbol(at: Int, names: [String])
    /// Four bytes that index a list of names; one past the end, or without a name, is shown as the number.
    case code(at: Int, names: [String])
    /// A set of 64 bits, shown as the names of those that are set, with commas between; one without a name by its number.
    case bits(at: Int, names: [String])
    /// A byte that is a kind, shown by the kind's name. The ledger's own kind is null.
    case kindName(at: Int)
    /// A keep probability (fraction of `TAPIO_KEEP_ALL`), shown as the weight 1/p.
    case weight(at: Int)
    /// How many events were merged, and the keep probability of each, shown as the sum of their weights.
    case weightSum(count: Int, keep: Int)
    /// The row's enrichment, by column of the enrichment table.
    case enrichment(EnrichmentColumn)
    /// What is known of the other end.
    case remote(RemoteColumn)
}

/// When a field has no value.
public enum Absence: Sendable, Hashable {
    /// It always has one.
    case never
    /// When all bits of the number are set (`TAPIO_ABSENT_32`, `TAPIO_ABSENT_64`).
    case allOnes
    /// When the number is zero, or the string is empty.
    case zero
}

/// A column filled from a record.
public struct Field: Sendable, Hashable {
    /// The column that it fills.
    public let column: Column
    /// Where its value comes from.
    public let source: FieldSource
    /// When the value is null.
    public let absence: Absence

    /// A field of `column`.
    public init(_ column: Column, _ source: FieldSource, absent: Absence = .never) {
        self.column = column
        self.source = source
        self.absence = absent
    }
}
