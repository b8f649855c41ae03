public import TapioRings

/// Byte strings, numbered from 0: all bytes one after another, and where each ends.
public struct StringDictionary: ~Copyable, Sendable {
    /// `offsets[i]..<offsets[i + 1]` is entry `i`; one more than there are entries, at most 2^32.
    @usableFromInline var offsets: ScratchBuffer<UInt32>
    @usableFromInline var bytes: ScratchBuffer<UInt8>

    /// Makes an empty dictionary.
    public init(memory: ScratchMemory = .heap) {
        offsets = ScratchBuffer(memory)
        bytes = ScratchBuffer(memory)
        offsets.append(0)
    }

    /// The number of entries.
    @inlinable public var count: Int { offsets.count - 1 }

    /// Bytes of all entries together.
    @inlinable public var byteCount: Int { bytes.count }

    /// Copies entry `index` out. Traps when there is none.
    public subscript(index: Int) -> [UInt8] { unsafe Array(entry(index)) }

    /// Forgets all entries. Memory is kept, but for what goes beyond a few MiB.
    public mutating func removeAll() {
        offsets.removeAll(keepingAtMost: 8 << 20)
        bytes.removeAll(keepingAtMost: 16 << 20)
        offsets.append(0)
    }

    /// Forgets all entries, and gives memory back that others could use.
    mutating func giveBack() {
        offsets.giveBack()
        bytes.giveBack()
        offsets.append(0)
    }

    /// The bytes of entry `index`, valid until something is added.
    @unsafe func entry(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        precondition(index >= 0 && index < count, "no such dictionary entry")
        let start = unsafe Int(offsets.base[index])
        return unsafe UnsafeBufferPointer(start: bytes.base + start, count: Int(offsets.base[index + 1]) - start)
    }

    /// Adds an entry and returns its number.
    @inlinable
    @unsafe mutating func append(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        unsafe bytes.append(copying: text)
        offsets.append(UInt32(truncatingIfNeeded: bytes.count))
        return UInt32(truncatingIfNeeded: count - 1)
    }
}
