public import Synchronization
public import TapioRings

/// The ``LookupTable`` that counts now, for threads that ask for every event while another takes its place from time to time.
///
/// Asking takes no lock, allocates nothing and never waits. A reader keeps the table that it asked last until it meets a newer
/// one, so at most one old table for each reader stays in memory.
///
/// - Important: At any moment at most one thread may publish. Each reading thread has an index of its own.
@safe
public final class PublishedTable: @unchecked Sendable {
    // Unchecked for the pointers alone. `slots` never changes, and points to atomics. `current` and each slot hold the bits
    // of a table that the writer has retained.
    //
    // Hazard pointers (Michael 2004), kept from one question to the next. A reader that meets a table that its slot doesn't
    // name writes it there (H1) and looks again whether it is the current one (H2). The writer exchanges the current table (W1)
    // and then looks at all slots (W2). All four are sequentially consistent: either the writer sees the slot, or the reader
    // sees the newer table. A table is released only after it is not current, and no slot names it.

    @usableFromInline let current: Atomic<UInt>
    @usableFromInline let slots: UnsafeMutablePointer<Atomic<UInt>>
    @usableFromInline let reads: CounterBlock
    @usableFromInline let readers: Int
    /// Bits of the tables that are not current, and not released yet.
    private let retired = Guarded<[UInt]>([])
    private let publications = Atomic<UInt64>(0)
    private let writer = SingleCaller()

    @usableFromInline static let slotStride = CacheLine.bytes / MemoryLayout<Atomic<UInt>>.stride
    @usableFromInline static let countersPerReader = CacheLine.bytes / MemoryLayout<UInt64>.stride

    /// An empty table.
    ///
    /// - Parameter readers: Threads that ask, 1 to 8192.
    public init(readers: Int) {
        precondition((1...8192).contains(readers), "a table has 1 to 8192 readers, not \(readers)")
        self.readers = readers
        current = Atomic(Self.retained(.empty))
        reads = CounterBlock(count: readers * Self.countersPerReader, layout: .packed)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: readers * CacheLine.bytes, alignment: CacheLine.bytes)
        unsafe slots = raw.bindMemory(to: Atomic<UInt>.self, capacity: readers * Self.slotStride)
        for word in 0..<readers * Self.slotStride { unsafe (slots + word).initialize(to: Atomic(0)) }
    }

    deinit {
        // Nobody asks any more: that would hold a reference.
        unsafe Self.table(current.load(ordering: .relaxed)).release()
        for bits in retired.withLock({ $0 }) { unsafe Self.table(bits).release() }
        unsafe slots.deallocate()
    }

    /// The number of a key in the table that counts now.
    @inlinable
    @inline(__always)
    public func lookUp(_ key: UInt64, reader: Int) -> UInt32? {
        precondition(reader >= 0 && reader < readers)
        // Relaxed: only this reader writes it. Acquire: with W1, the table's content.
        let kept = unsafe slots[reader * Self.slotStride].load(ordering: .relaxed)
        var bits = current.load(ordering: .acquiring)
        if bits != kept { bits = change(reader) }
        // The slot names it, so it stays.
        let found = unsafe Self.table(bits)._withUnsafeGuaranteedRef { $0[key] }
        reads.addAsOnlyWriter(reader * Self.countersPerReader + (found == nil ? 1 : 0))
        return found
    }

    /// Keeps the current table instead of the one before.
    @usableFromInline
    @inline(never)
    func change(_ reader: Int) -> UInt {
        var bits = current.load(ordering: .acquiring)
        while true {
            // H1, H2.
            unsafe slots[reader * Self.slotStride].store(bits, ordering: .sequentiallyConsistent)
            let now = current.load(ordering: .sequentiallyConsistent)
            if now == bits { return bits }
            bits = now
        }
    }

    /// Lets readers ask this table from now on. One thread at a time.
    public func publish(_ table: LookupTable) {
        writer.enter()
        defer { writer.leave() }
        // W1.
        let old = current.exchange(Self.retained(table), ordering: .sequentiallyConsistent)
        publications.add(1, ordering: .relaxed)
        var kept: Set<UInt> = []
        // W2.
        for reader in 0..<readers {
            kept.insert(unsafe slots[reader * Self.slotStride].load(ordering: .sequentiallyConsistent))
        }
        retired.withLock { retired in
            retired.append(old)
            retired.removeAll { bits in
                guard !kept.contains(bits) else { return false }
                unsafe Self.table(bits).release()
                return true
            }
        }
    }

    /// Tables that are kept for readers that have not met a newer one.
    public var retiredTables: Int { retired.withLock { $0.count } }

    /// The counters; any thread may ask.
    public var statistics: PublishedTableStatistics {
        func sum(_ counter: Int) -> UInt64 {
            (0..<readers).reduce(0) { $0 &+ reads.load($1 * Self.countersPerReader + counter) }
        }
        return PublishedTableStatistics(
            hits: sum(0),
            misses: sum(1),
            publications: publications.load(ordering: .relaxed)
        )
    }

    private static func retained(_ table: LookupTable) -> UInt {
        unsafe UInt(bitPattern: Unmanaged.passRetained(table).toOpaque())
    }

    /// The table with these bits, which are never those of none.
    @inlinable
    @inline(__always)
    @unsafe static func table(_ bits: UInt) -> Unmanaged<LookupTable> {
        unsafe Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: bits)!)
    }
}

/// Counters of a ``PublishedTable`` since it was made. They are never reset: take differences.
public struct PublishedTableStatistics: Sendable, Equatable {
    /// Questions for keys that were in the table.
    public var hits: UInt64
    /// Questions for keys that were not.
    public var misses: UInt64
    /// Tables published.
    public var publications: UInt64
}
