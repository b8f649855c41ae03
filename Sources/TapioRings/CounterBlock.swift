public import Synchronization

/// A fixed number of 64-bit counters that many threads may add to and read, and that are never reset: take differences.
///
/// All operations are relaxed: each counter is exact, but two counters that are read one after the other are not of one
/// instant.
@safe
public final class CounterBlock: @unchecked Sendable {
    // Unchecked for the pointer alone: it never changes, and all it points to is atomic.

    /// How the counters lie in memory.
    public enum Layout: Sendable {
        /// Each on lines of its own (128 bytes): writers of different counters do not slow each other.
        case padded
        /// Side by side (8 bytes): small, for a block that one thread writes.
        case packed
    }

    /// The number of counters.
    public let count: Int
    @usableFromInline let stride: Int
    @usableFromInline let counters: UnsafeMutablePointer<Atomic<UInt64>>

    /// Makes `count` (0 or more) counters that read 0, in one allocation.
    public init(count: Int, layout: Layout = .padded) {
        precondition(count >= 0, "a block cannot have \(count) counters")
        let word = MemoryLayout<Atomic<UInt64>>.stride
        self.count = count
        stride = layout == .padded ? CacheLine.bytes / word : 1
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count) * stride * word,
            alignment: CacheLine.bytes
        )
        unsafe counters = raw.bindMemory(to: Atomic<UInt64>.self, capacity: count * stride)
        for index in 0..<count * stride {
            unsafe (counters + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        unsafe counters.deinitialize(count: count * stride)
        unsafe counters.deallocate()
    }

    /// Adds to a counter; any thread. Traps if there is no such counter. About 5–10 ns.
    @inlinable
    public func add(_ index: Int, _ amount: UInt64 = 1) {
        unsafe counter(index).pointee.wrappingAdd(amount, ordering: .relaxed)
    }

    /// Adds to a counter that only the calling thread ever writes, without a locked instruction (about 1 ns). Whoever
    /// shares the block upholds that; a second writer loses counts, and nothing worse.
    @inlinable
    public func addAsOnlyWriter(_ index: Int, _ amount: UInt64 = 1) {
        let counter = unsafe counter(index)
        unsafe counter.pointee.store(counter.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// A counter's value; any thread. Traps if there is no such counter.
    @inlinable
    public func load(_ index: Int) -> UInt64 {
        unsafe counter(index).pointee.load(ordering: .relaxed)
    }

    /// All values in order, each exact, not of one instant.
    public var values: [UInt64] { (0..<count).map(load) }

    @inlinable
    @inline(__always)
    func counter(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        precondition(index >= 0 && index < count, "no such counter")
        return unsafe counters + index * stride
    }
}
