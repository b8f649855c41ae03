/// Growable memory that is kept from one row group to the next: no allocation once it has its size.
///
/// Invariants: `base` points to `capacity` elements and 64 bytes of slack behind them, so that packing loops may store a
/// whole word where only some of its bytes count; the first `count` elements are initialized. It owns its memory alone
/// (noncopyable), which makes handing it to another thread safe.
@usableFromInline
@safe struct ScratchBuffer<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline private(set) var base: UnsafeMutablePointer<Element>
    @usableFromInline private(set) var capacity: Int
    @usableFromInline var count = 0

    init(capacity: Int = 64) {
        unsafe base = Self.allocate(capacity)
        self.capacity = capacity
    }

    @inlinable
    deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

    @usableFromInline var isEmpty: Bool { count == 0 }

    /// The elements, for as long as nothing is added.
    @unsafe var elements: UnsafeBufferPointer<Element> { unsafe UnsafeBufferPointer(start: base, count: count) }

    /// Makes room for `extra` more elements.
    @inlinable
    @inline(__always)
    mutating func reserve(_ extra: Int) {
        if count + extra > capacity { grow(to: count + extra) }
    }

    @inlinable
    @inline(__always)
    mutating func append(_ element: Element) {
        reserve(1)
        unsafe base[count] = element
        count += 1
    }

    @inlinable
    @unsafe mutating func append(copying source: UnsafeBufferPointer<Element>) {
        reserve(source.count)
        if let start = source.baseAddress {
            unsafe (base + count).update(from: start, count: source.count)
        }
        count += source.count
    }

    /// Makes it `newCount` elements long, all equal to `element`.
    mutating func fill(_ newCount: Int, with element: Element) {
        count = 0
        reserve(newCount)
        unsafe base.update(repeating: element, count: newCount)
        count = newCount
    }

    /// Forgets the elements; gives memory back when it is more than `bytes`.
    mutating func removeAll(keepingAtMost bytes: Int = .max) {
        count = 0
        if capacity * MemoryLayout<Element>.stride > bytes {
            unsafe UnsafeMutableRawPointer(base).deallocate()
            unsafe base = Self.allocate(64)
            capacity = 64
        }
    }

    @usableFromInline
    @inline(never)
    mutating func grow(to minimum: Int) {
        let wanted = max(minimum, capacity * 2)
        let larger = unsafe Self.allocate(wanted)
        unsafe larger.update(from: base, count: count)
        unsafe UnsafeMutableRawPointer(base).deallocate()
        unsafe base = larger
        capacity = wanted
    }

    @unsafe private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Element> {
        let bytes = capacity * MemoryLayout<Element>.stride + 64
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        return unsafe memory.bindMemory(to: Element.self, capacity: capacity)
    }
}

extension ScratchBuffer where Element == UInt8 {
    /// Appends `value`, little-endian.
    @inline(__always)
    mutating func append(littleEndian value: UInt32) {
        reserve(4)
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: UInt32.self)
        count += 4
    }

    /// Appends an unsigned number, 7 bits a byte, lowest first.
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Appends a signed number: sign in the lowest bit, then as ``append(varint:)``.
    mutating func append(zigzag value: Int64) { append(varint: UInt64(bitPattern: value << 1 ^ value >> 63)) }

    mutating func append(bytes: [UInt8]) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(copying: $0) }
    }
}
