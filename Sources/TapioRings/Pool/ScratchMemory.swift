import Synchronization

/// Where the memory of ``ScratchBuffer``s and the like comes from: a ``BufferPool``, and the heap for what that cannot give.
///
/// Without a pool all comes from the heap. With one, what is larger than its largest buffers or finds it empty does, and is
/// counted: nobody fails for want of a buffer, and whoever sized the pool can see that it was too small.
public final class ScratchMemory: Sendable {
    /// For those who were given none: the heap alone.
    public static let heap = ScratchMemory()

    /// The pool, if there is one.
    public let pool: BufferPool?
    // Relaxed, all of them: counts, which hand over nothing.
    private let heapBytes = Atomic<Int>(0)
    private let heapBytesHighWater = Atomic<Int>(0)
    private let tooLarge = Atomic<UInt64>(0)
    private let exhausted = Atomic<UInt64>(0)

    /// Memory of `pool`, or of the heap.
    public init(pool: BufferPool? = nil) { self.pool = pool }

    /// Takes at least `bytes`. Any thread. Give it back to the same object.
    ///
    /// - Parameter roomy: So many bytes if they come from the heap, where growing bit by bit costs a copy each time.
    public func take(_ bytes: Int, roomy: Int = 0) -> ScratchBlock {
        guard let pool else { return takeFromHeap(max(bytes, roomy)) }
        guard let tier = PoolTier.smallest(holding: bytes) else {
            tooLarge.wrappingAdd(1, ordering: .relaxed)
            return takeFromHeap(max(bytes, roomy))
        }
        if let buffer = pool.take(tier) { return ScratchBlock(buffer) }
        exhausted.wrappingAdd(1, ordering: .relaxed)
        return takeFromHeap(bytes)
    }

    /// Takes a buffer of the pool or nothing: for those who know what else to do.
    public func takePooled(_ tier: PoolTier) -> ScratchBlock? { pool?.take(tier).map(ScratchBlock.init) }

    /// Gives a block back, once; what it holds is lost. Any thread.
    public func giveBack(_ block: ScratchBlock) {
        if let buffer = block.buffer {
            guard let pool else { preconditionFailure("a pool's buffer was given to memory without a pool") }
            return pool.giveBack(buffer)
        }
        heapBytes.wrappingSubtract(block.byteCount, ordering: .relaxed)
        unsafe block.base.deallocate()
    }

    /// Whether a block should go back when it isn't needed for a while: others can use it, and it costs next to nothing to take
    /// another. What the pool could never have given is worth keeping.
    @usableFromInline
    func isShared(_ block: ScratchBlock) -> Bool {
        pool != nil && block.byteCount <= PoolTier.large.byteCount
    }

    /// The counts at this time.
    public var statistics: ScratchStatistics {
        ScratchStatistics(
            buffers: pool?.statistics,
            heapBytes: heapBytes.load(ordering: .relaxed),
            heapBytesHighWater: heapBytesHighWater.load(ordering: .relaxed),
            tooLarge: tooLarge.load(ordering: .relaxed),
            exhausted: exhausted.load(ordering: .relaxed)
        )
    }

    private func takeFromHeap(_ bytes: Int) -> ScratchBlock {
        let now = heapBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
        heapBytesHighWater.max(now, ordering: .relaxed)
        let base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        return unsafe ScratchBlock(base: base, byteCount: bytes)
    }
}

/// A piece of memory that a ``ScratchMemory`` gave. A value that can be copied; the memory has one holder at a time all the
/// same, who gives it back once.
@safe
public struct ScratchBlock: @unchecked Sendable {
    // Unchecked for the pointer alone, as with ``PoolBuffer``.

    /// Where it starts: a multiple of 64. Valid until the block is given back.
    public let base: UnsafeMutableRawPointer
    /// Its bytes, all of them writable.
    public let byteCount: Int
    /// nil: of the heap.
    let buffer: PoolBuffer?

    init(_ buffer: PoolBuffer) {
        unsafe base = buffer.base
        byteCount = buffer.byteCount
        self.buffer = buffer
    }

    init(base: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.base = base
        self.byteCount = byteCount
        buffer = nil
    }
}

/// Counters of a ``ScratchMemory``. Those that only grow are never reset.
public struct ScratchStatistics: Sendable, Hashable {
    /// The pool's; nil without one.
    public var buffers: BufferPoolStatistics?
    /// Bytes of the heap that are in use.
    public var heapBytes: Int
    /// The most that they ever were.
    public var heapBytesHighWater: Int
    /// Takes that the heap served because they were larger than any buffer.
    public var tooLarge: UInt64
    /// Takes that the heap served because all buffers of the size were lent.
    public var exhausted: UInt64
}
