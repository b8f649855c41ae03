/// Integers of a record, bounds-checked.
///
/// Safe though it loads from raw memory: every bit pattern is an integer, and the span checks the bounds.
extension RawSpan {
    /// The byte at `offset`.
    @inlinable public func uint8(at offset: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
    /// Two bytes in host order.
    @inlinable public func uint16(at offset: Int) -> UInt16 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }
    /// Four bytes in host order.
    @inlinable public func uint32(at offset: Int) -> UInt32 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
    /// Eight bytes in host order.
    @inlinable public func uint64(at offset: Int) -> UInt64 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    /// Eight bytes in host order, signed.
    @inlinable public func int64(at offset: Int) -> Int64 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Int64.self)
    }
}
