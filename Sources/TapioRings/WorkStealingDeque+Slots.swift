public import Synchronization

// Where slots lie, and what positions mean.
extension WorkStealingDeque where Element: ~Copyable {
    /// The bit of `bottom` that says closed. Positions never reach it: at 10^9 a second that takes 292 years.
    @inlinable
    static var closedBit: UInt64 { 1 << 63 }

    /// The position in a value of `bottom`.
    @inlinable
    @inline(__always)
    static func position(_ bottom: UInt64) -> UInt64 { bottom & ~closedBit }

    /// How far `end` is behind `start`; negative where it lies before.
    @inlinable
    @inline(__always)
    static func distance(from start: UInt64, to end: UInt64) -> Int { Int(truncatingIfNeeded: end &- start) }

    /// A slot is the position that may be put into it next, then the element at its own alignment.
    @inlinable
    static var elementOffset: Int { max(MemoryLayout<Atomic<UInt64>>.stride, MemoryLayout<Element>.alignment) }

    @inlinable
    static var slotStride: Int {
        let alignment = max(MemoryLayout<Atomic<UInt64>>.alignment, MemoryLayout<Element>.alignment)
        return (elementOffset + MemoryLayout<Element>.size + alignment - 1) & ~(alignment - 1)
    }

    /// The position that may be put next into this position's slot. The owner reads it; who has taken an element at the
    /// old end moves it on.
    @inlinable
    @inline(__always)
    func nextPosition(at position: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (slots + Int(truncatingIfNeeded: position & mask) * Self.slotStride)
            .assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The element of a position's slot; sound only for who has won the position, and for the owner before it is in.
    @inlinable
    @inline(__always)
    func element(at position: UInt64) -> UnsafeMutablePointer<Element> {
        unsafe (slots + Int(truncatingIfNeeded: position & mask) * Self.slotStride + Self.elementOffset)
            .assumingMemoryBound(to: Element.self)
    }
}
