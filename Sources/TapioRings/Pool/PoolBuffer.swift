/// A piece of memory that a ``BufferPool`` lent.
///
/// A value that can be copied, so that it can lie in a struct or a ring; the memory has one holder at a time all the
/// same. Who took it gives it back to the same pool once, and touches it no more.
@safe
public struct PoolBuffer: @unchecked Sendable {
    // Unchecked for the pointer alone: who holds the buffer is the only one to use it, and hands it on with a release
    // that the next holder acquires, as a ring's push and pop and the pool's give and take do.

    /// Where it starts: a multiple of 4,096 at least. Valid until the buffer is given back.
    public let base: UnsafeMutableRawPointer
    /// Which size it has.
    public let tier: PoolTier
    let pool: UInt32
    let slot: UInt32
    /// What the slot's generation was when it was lent; no later loan has the same.
    let generation: UInt64

    /// Its bytes, all of them writable. What they hold is left from an earlier holder, or zero.
    @inlinable
    public var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    /// The number of its bytes.
    @inlinable
    public var byteCount: Int { tier.byteCount }
}
