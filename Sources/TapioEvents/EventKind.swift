import TapioBPF

/// The number of an event kind, as the kernel programs write it into a record's header.
///
/// A number is given once and never reused; each collector owns a block of 16 (`bpf/include/tapio_records.h`).
public struct EventKind: RawRepresentable, Hashable, Comparable, Sendable {
    /// The number in the record.
    public let rawValue: UInt8

    /// A kind by its number; whether a schema declares it is the registry's to say.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// A kind by its constant in the shared C header.
    ///
    /// - Precondition: `constant` is below `TAPIO_KIND_LIMIT`.
    public init(_ constant: Int) {
        self.rawValue = UInt8(constant)
    }

    /// The ledger's own rows, which only user space writes.
    public static let ledger = EventKind(Int(TAPIO_KIND_LEDGER))

    /// How many kinds there can be: tables indexed by kind have this many places.
    public static let limit = Int(TAPIO_KIND_LIMIT)

    /// By number.
    public static func < (left: EventKind, right: EventKind) -> Bool { left.rawValue < right.rawValue }
}
