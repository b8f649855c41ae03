/// What is known of a row beside its record: a place in each of the lists of its batch's ``EnrichmentTable``. 0 stands for
/// "nothing known".
public struct EnrichmentID: Sendable, Hashable, BitwiseCopyable {
    /// The three places, 16 bits each, from the lowest on; the highest 16 bits are zero.
    public var word: UInt64

    /// The places in this order: whose it is, name and service of the other end.
    @inlinable
    public init(owner: UInt16, name: UInt16 = 0, service: UInt16 = 0) {
        word = UInt64(owner) | UInt64(name) << 16 | UInt64(service) << 32
    }

    /// The lower 48 bits of a word.
    @usableFromInline
    @inline(__always)
    init(word: UInt64) {
        self.word = word & 0xFFFF_FFFF_FFFF
    }

    /// Nothing is known.
    @inlinable public static var none: EnrichmentID { EnrichmentID(owner: 0) }

    /// Whose it is: a place in ``EnrichmentTable/entries``.
    @inlinable public var owner: UInt16 { UInt16(truncatingIfNeeded: word) }
    /// Name of the other end: a place in ``EnrichmentTable/names``.
    @inlinable public var name: UInt16 {
        get { UInt16(truncatingIfNeeded: word >> 16) }
        set { word = word & ~(0xFFFF << 16) | UInt64(newValue) << 16 }
    }
    /// Service at the other end: a place in ``EnrichmentTable/services``.
    @inlinable public var service: UInt16 { UInt16(truncatingIfNeeded: word >> 32) }

    /// Whether the name may be found before the row's batch is handed over: the answer that gives it may be in another ring.
    @inlinable public var mayGetName: Bool {
        (TextTable.late...TextTable.expired).contains(name)
    }
}
