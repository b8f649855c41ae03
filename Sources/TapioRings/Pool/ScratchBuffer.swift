/// Growable memory that is kept from one use to the next: no allocation once it has its size.
///
/// Invariants: `base` points to `capacity` elements, and if these are bytes to ``slackBytes`` behind them, so that packing
/// loops may store a whole word where only some of its bytes count; the first `count` elements are initialized. Without a
/// block, capacity and count are 0 and `base` points nowhere. It owns its block alone (noncopyable), which makes handing it to
/// another thread safe; the block goes back to the memory that gave it.
@safe
public struct ScratchBuffer<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline var start: UnsafeMutablePointer<Element>
    @usableFromInline var room: Int
    @usableFromInline var block: ScratchBlock?
    @usableFromInline let memory: ScratchMemory
    /// Elements. Whoever raises it has written them.
    public var count = 0

    /// Bytes behind a buffer of bytes. A buffer of larger elements needs none, and 131,072 words fit a buffer of the pool.
    @inlinable static var slackBytes: Int { MemoryLayout<Element>.stride == 1 ? 64 : 0 }
    /// The fewest elements that are worth a block.
    @inlinable static var fewest: Int { 64 }

    /// An empty one, which takes memory of `memory` when something is added.
    @inlinable
    public init(_ memory: ScratchMemory) {
        unsafe start = Self.nowhere
        room = 0
        self.memory = memory
    }

    @inlinable
    deinit { if let block { memory.giveBack(block) } }

    /// Where the elements are, for as long as nothing is added.
    @inlinable public var base: UnsafeMutablePointer<Element> {
        @inline(__always) get { unsafe start }
    }

    /// Elements that fit without growing.
    @inlinable public var capacity: Int {
        @inline(__always) get { room }
    }

    /// Whether there is none.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// The elements, for as long as nothing is added.
    @inlinable
    @unsafe public var elements: UnsafeBufferPointer<Element> {
        unsafe UnsafeBufferPointer(start: start, count: count)
    }

    /// Makes room for `extra` more elements.
    @inlinable
    @inline(__always)
    public mutating func reserve(_ extra: Int) {
        if count + extra > room { grow(to: count + extra) }
    }

    /// Adds an element.
    @inlinable
    @inline(__always)
    public mutating func append(_ element: Element) {
        reserve(1)
        unsafe start[count] = element
        count += 1
    }

    /// Adds elements.
    @inlinable
    @unsafe public mutating func append(copying source: UnsafeBufferPointer<Element>) {
        reserve(source.count)
        if let first = source.baseAddress {
            unsafe (start + count).update(from: first, count: source.count)
        }
        count += source.count
    }

    /// Makes it `newCount` elements long, all equal to `element`.
    @inlinable
    public mutating func fill(_ newCount: Int, with element: Element) {
        count = 0
        reserve(newCount)
        unsafe start.update(repeating: element, count: newCount)
        count = newCount
    }

    /// Forgets the elements; gives memory back when it is more than `bytes`.
    @inlinable
    public mutating func removeAll(keepingAtMost bytes: Int = .max) {
        count = 0
        if room * MemoryLayout<Element>.stride > bytes { dropBlock() }
    }

    /// Forgets the elements, and gives memory back that others could use meanwhile: what a pool lent, or should have.
    @inlinable
    public mutating func giveBack() {
        count = 0
        if let block, memory.isShared(block) { dropBlock() }
    }

    @inlinable
    @inline(never)
    mutating func grow(to minimum: Int) {
        let stride = MemoryLayout<Element>.stride
        let larger = memory.take(
            minimum * stride + Self.slackBytes,
            roomy: max(minimum, room * 2, Self.fewest) * stride + Self.slackBytes
        )
        let capacity = (larger.byteCount - Self.slackBytes) / stride
        let target = unsafe larger.base.bindMemory(to: Element.self, capacity: capacity)
        unsafe target.update(from: start, count: count)
        if let block { memory.giveBack(block) }
        unsafe start = target
        room = capacity
        block = larger
    }

    @inlinable
    @inline(never)
    mutating func dropBlock() {
        if let block { memory.giveBack(block) }
        block = nil
        unsafe start = Self.nowhere
        room = 0
    }

    /// An address that no program has.
    @inlinable static var nowhere: UnsafeMutablePointer<Element> {
        unsafe UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment).unsafelyUnwrapped
    }
}

extension ScratchBuffer where Element == UInt8 {
    /// Appends `value`, little-endian.
    @inlinable
    @inline(__always)
    public mutating func append(littleEndian value: UInt32) {
        reserve(4)
        unsafe UnsafeMutableRawPointer(start + count).storeBytes(of: value.littleEndian, as: UInt32.self)
        count += 4
    }

    /// Appends an unsigned number, 7 bits a byte, lowest first.
    @inlinable
    public mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Appends a signed number: sign in the lowest bit, then as ``append(varint:)``.
    @inlinable
    public mutating func append(zigzag value: Int64) {
        append(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// Appends bytes.
    @inlinable
    public mutating func append(bytes: [UInt8]) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(copying: $0) }
    }
}
