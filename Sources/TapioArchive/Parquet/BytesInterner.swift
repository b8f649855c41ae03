public import TapioRings

/// Gives each distinct byte string of a batch a number, so that a column of strings is a column of numbers.
///
/// A value that equals the one before it costs a comparison: batches are sorted. Nothing is allocated once the memory has its
/// size; ``reset()`` keeps it. Bounds: a value is cut at ``longestValue``, and when the values of a batch exceed
/// ``mostBytes`` together, further new ones become the empty string; both are counted. Values that were chosen to collide
/// cost at most 64 probes each and are then entered twice, which is harmless.
public struct BytesInterner: ~Copyable, Sendable {
    /// Longest value in bytes; what is longer is cut.
    public static let longestValue = 1 << 20
    /// Bytes of all distinct values of a batch.
    public static let mostBytes = 64 << 20

    /// The distinct values; ``intern(_:)`` returns places in it.
    public private(set) var dictionary: StringDictionary
    /// Values that were cut, since the interner was made.
    public private(set) var cutCount: UInt64 = 0
    /// Values that became empty because the batch had no room, since the interner was made.
    public private(set) var refusedCount: UInt64 = 0

    /// Low half: a place in the dictionary plus 1, 0 when free. High half: of the hash.
    @usableFromInline var table: ScratchBuffer<UInt64>
    @usableFromInline var previous: UInt32 = 0

    /// Makes an empty interner.
    public init(memory: ScratchMemory = .heap) {
        dictionary = StringDictionary(memory: memory)
        table = ScratchBuffer(memory)
    }

    /// Starts the next batch: forgets all values, keeps the memory.
    public mutating func reset() {
        dictionary.removeAll()
        table.removeAll()
        previous = 0
    }

    /// Forgets all values, and gives memory back that others could use: until the next batch.
    public mutating func giveBack() {
        dictionary.giveBack()
        table.giveBack()
        previous = 0
    }

    /// The number of `value`, which is added when it is new.
    @inlinable
    @inline(__always)
    public mutating func intern(_ value: RawSpan) -> UInt32 {
        unsafe value.withUnsafeBytes { unsafe intern($0) }
    }

    /// The number of `value`, which is added when it is new. Reads exactly the bytes of `value`.
    @inlinable
    @inline(__always)
    @unsafe public mutating func intern(_ value: UnsafeRawBufferPointer) -> UInt32 {
        if unsafe isEntry(previous, equalTo: value) { return previous }
        previous = unsafe lookUp(value)
        return previous
    }

    @inlinable
    @inline(__always)
    @unsafe func isEntry(_ index: UInt32, equalTo value: UnsafeRawBufferPointer) -> Bool {
        guard Int(index) < dictionary.count else { return false }
        let start = unsafe Int(dictionary.offsets.base[Int(index)])
        guard unsafe Int(dictionary.offsets.base[Int(index) + 1]) - start == value.count else { return false }
        return unsafe ByteComparison.areEqual(
            UnsafeRawPointer(dictionary.bytes.base + start),
            value.baseAddress,
            count: value.count
        )
    }

    @usableFromInline
    @unsafe mutating func lookUp(_ whole: UnsafeRawBufferPointer) -> UInt32 {
        if table.isEmpty { table.fill(1024, with: 0) }
        var value = unsafe whole
        if value.count > Self.longestValue {
            unsafe value = UnsafeRawBufferPointer(rebasing: value[..<Self.longestValue])
            cutCount += 1
        }
        let hash = unsafe ByteComparison.hash(value)
        let tag = hash & 0xFFFF_FFFF_0000_0000
        let mask = table.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        for _ in 0..<64 {
            let found = unsafe table.base[slot]
            if found == 0 {
                return unsafe add(value, tag: tag, slot: slot)
            }
            let index = UInt32(truncatingIfNeeded: found) - 1
            if found & 0xFFFF_FFFF_0000_0000 == tag, unsafe isEntry(index, equalTo: value) { return index }
            slot = (slot + 1) & mask
        }
        return unsafe add(value, tag: tag, slot: nil)
    }

    @unsafe private mutating func add(_ value: UnsafeRawBufferPointer, tag: UInt64, slot: Int?) -> UInt32 {
        if dictionary.byteCount + value.count > Self.mostBytes {
            refusedCount += 1
            return unsafe lookUp(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        let index = unsafe dictionary.append(value.bindMemory(to: UInt8.self))
        if let slot { unsafe table.base[slot] = tag | UInt64(index + 1) }
        if dictionary.count * 2 > table.count { grow() }
        return index
    }

    private mutating func grow() {
        let slots = table.count * 4
        table.fill(slots, with: 0)
        for index in 0..<dictionary.count {
            let hash = unsafe ByteComparison.hash(UnsafeRawBufferPointer(dictionary.entry(index)))
            var slot = Int(truncatingIfNeeded: hash) & (slots - 1)
            for _ in 0..<64 {
                if unsafe table.base[slot] == 0 {
                    unsafe table.base[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(index + 1)
                    break
                }
                slot = (slot + 1) & (slots - 1)
            }
        }
    }
}
