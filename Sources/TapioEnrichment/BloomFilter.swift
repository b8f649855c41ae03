public import Synchronization

/// Says of a key that it was surely never added, or that it may have been: a blocked Bloom filter. A question reads one or two
/// words of one cache line.
///
/// A block is 32 bytes, eight lanes of 32 bits, in each of which a key sets one bit (Putze, Sanders and Singler 2007). With the 16
/// bits that it has for each key, at most one in 500 questions for other keys is answered wrongly while no more keys were added
/// than it is for.
///
/// Any number of threads ask; one at a time adds or clears. A question beside a clearing may be answered either way.
@safe
public final class BloomFilter: @unchecked Sendable {
    // Unchecked for the pointer alone: it never changes, and all it points to is atomic. All orders are relaxed: bits say
    // nothing about other memory.

    /// Keys that it is for.
    public let capacity: Int
    @usableFromInline let blockCount: UInt64
    @usableFromInline let words: UnsafeMutablePointer<Atomic<UInt64>>

    @usableFromInline static let blockWords = 4
    private static let bitsPerKey = 16

    /// An empty filter for so many keys, 1 to 2^26; it takes two bytes for each.
    public init(capacity: Int) {
        precondition((1...1 << 26).contains(capacity), "a filter is for 1 to 2^26 keys, not \(capacity)")
        self.capacity = capacity
        let blockBits = Self.blockWords * UInt64.bitWidth
        let blocks = (capacity * Self.bitsPerKey + blockBits - 1) / blockBits
        blockCount = UInt64(blocks)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: blocks * blockBits / 8, alignment: 64)
        unsafe words = raw.bindMemory(to: Atomic<UInt64>.self, capacity: blocks * Self.blockWords)
        for word in 0..<blocks * Self.blockWords { unsafe (words + word).initialize(to: Atomic(0)) }
    }

    deinit {
        // The words are trivial: nothing to deinitialize.
        unsafe words.deallocate()
    }

    /// Whether the key may have been added; false: it was not since the last clearing.
    @inlinable
    @inline(__always)
    public func mayContain(_ key: UInt64) -> Bool {
        let hash = Self.hash(key)
        let block = unsafe words + firstWord(hash)
        for word in 0..<Self.blockWords {
            let bits = Self.bits(hash, word)
            if unsafe block[word].load(ordering: .relaxed) & bits != bits { return false }
        }
        return true
    }

    /// Adds a key. One thread at a time.
    public func add(_ key: UInt64) {
        let hash = Self.hash(key)
        let block = unsafe words + firstWord(hash)
        for word in 0..<Self.blockWords {
            let old = unsafe block[word].load(ordering: .relaxed)
            unsafe block[word].store(old | Self.bits(hash, word), ordering: .relaxed)
        }
    }

    /// Forgets all keys. One thread at a time.
    public func clear() {
        for word in 0..<Int(blockCount) * Self.blockWords { unsafe words[word].store(0, ordering: .relaxed) }
    }

    /// Spreads keys that differ in few bits over all bits (the finalizer of splitmix64, Vigna 2015).
    @inlinable
    @inline(__always)
    static func hash(_ key: UInt64) -> UInt64 {
        var hash = key &+ 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 31
    }

    /// The upper half of the hash, scaled to the number of blocks.
    @inlinable
    @inline(__always)
    func firstWord(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: ((hash >> 32) &* blockCount) >> 32) * Self.blockWords
    }

    /// Five bits of the lower half choose a bit of each lane: 40 bits in all, so the half is multiplied once more.
    @inlinable
    @inline(__always)
    static func bits(_ hash: UInt64, _ word: Int) -> UInt64 {
        let spread = (hash & 0xFFFF_FFFF) &* 0xD6E8_FEB8_6659_FD93 >> 24
        let low = spread >> UInt64(word * 10) & 31
        let high = spread >> UInt64(word * 10 + 5) & 31
        return 1 << low | 1 << (32 + high)
    }
}
