/// Which small number belongs to a key, for all keys that there are: computed once, never changed.
///
/// A question reads one cache line, seldom two: places are half empty, and a key lies in the first free one behind its own.
@safe
public final class LookupTable: @unchecked Sendable {
    // Unchecked for the pointer alone: what it points to is written in `init` only.

    /// A key and its number; the number is not looked at where the key is ``nothing``.
    @usableFromInline
    struct Place {
        @usableFromInline var key: UInt64
        @usableFromInline var id: UInt32
    }

    /// Marks an empty place. The key 0 stands for 1 as well: of hashes, neither is likelier than any other.
    @usableFromInline static let nothing: UInt64 = 0

    /// Keys in it.
    public let count: Int
    @usableFromInline let mask: Int
    @usableFromInline let places: UnsafeMutablePointer<Place>

    /// No keys.
    public static let empty = LookupTable([:])

    /// A table of these keys. O(n), about 48 bytes for each.
    public init(_ ids: [UInt64: UInt32]) {
        count = ids.count
        var places = 4
        while places < 2 * ids.count { places *= 2 }
        mask = places - 1
        unsafe self.places = .allocate(capacity: places)
        unsafe self.places.initialize(repeating: Place(key: Self.nothing, id: 0), count: places)
        for (key, id) in ids {
            var at = place(of: key)
            while unsafe self.places[at].key != Self.nothing { at = (at + 1) & mask }
            unsafe self.places[at] = Place(key: Self.stored(key), id: id)
        }
    }

    deinit { unsafe places.deallocate() }

    /// The number of a key.
    @inlinable
    @inline(__always)
    public subscript(_ key: UInt64) -> UInt32? {
        let wanted = Self.stored(key)
        var at = place(of: key)
        while true {
            let place = unsafe places[at]
            if place.key == wanted { return place.id }
            if place.key == Self.nothing { return nil }
            at = (at + 1) & mask
        }
    }

    @inlinable
    @inline(__always)
    static func stored(_ key: UInt64) -> UInt64 { key == nothing ? 1 : key }

    @inlinable
    @inline(__always)
    func place(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: (Self.stored(key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }
}
