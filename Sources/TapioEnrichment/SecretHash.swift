/// Makes a key of 64 bits of what is longer, an address with what belongs to it. The secret is drawn once for each instance, so
/// that nobody who chooses addresses can choose two with one key; that two of 10,000 have one by chance is less likely than 1
/// in 10^11.
public struct SecretHash: Sendable {
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64
    @usableFromInline let third: UInt64

    /// With a fresh secret.
    public init() {
        var random = SystemRandomNumberGenerator()
        first = random.next()
        second = random.next()
        third = random.next() | 1
    }

    /// The key of three words.
    @inlinable
    @inline(__always)
    public func callAsFunction(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
        Self.fold(Self.fold(a ^ first, b ^ second) ^ c, third)
    }

    /// Each bit of the product depends on many of both.
    @inlinable
    @inline(__always)
    static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
