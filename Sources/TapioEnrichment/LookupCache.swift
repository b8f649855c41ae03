public import Synchronization
public import TapioRings

/// Remembers for a while which small number belongs to a key (a cgroup, a process), for threads that ask for every event.
///
/// Reading takes no lock, allocates nothing and never waits: it costs about ten nanoseconds. One thread at a time writes.
/// The cache is bounded: a key can lie in one of the seven places of its set, and where these are taken, the one that
/// expires first makes room. So an entry can be gone before its time; it is a cache.
///
/// - Important: At any moment at most one thread may call the writer's calls (`insert`, `remove`); debug builds trap on
///   two overlapping ones. Each reading thread has an index of its own, by which its counters are kept.
@safe
public final class LookupCache: @unchecked Sendable {
    // Unchecked for the pointer alone: it never changes, and all it points to is atomic.
    //
    // A set is two cache lines: its version and seven keys, then seven values. The writer makes the version odd (W1),
    // changes key and value (W2), and makes it even (W3). A reader takes the version (R1), the key and the value (R2),
    // and the version again (R3); if it was odd or differs, what it read may not belong together. Stores of W2 release and
    // loads of R2 acquire, so that a reader that sees something of W2 sees W1 at R3; W3 releases to R1's acquire, so
    // that who sees the new version sees all of W2.

    /// Places of a set, as many as fit with the version.
    @usableFromInline static let ways = 7
    @usableFromInline static let setBytes = 128
    private static let valuesOffset = 64
    /// How often a reader looks again before it takes a set that is being written for a miss.
    @usableFromInline static let mostTries = 4

    /// Entries that there can be: what was asked for, rounded down to whole sets.
    public let capacity: Int
    /// How long an entry counts, in units of ``tickNs``.
    private let lifeTicks: UInt64
    @usableFromInline let setCount: UInt64
    @usableFromInline let sets: UnsafeMutableRawPointer
    @usableFromInline let reads: CounterBlock
    private let writes = CounterBlock(count: WriteCount.allCases.count, layout: .packed)
    private let writer = SingleCaller()

    /// Times are kept in units of 2^26 ns, 67 ms: a 32-bit number of them is nine years.
    public static let tickNs: UInt64 = 1 << 26

    /// Makes an empty cache. All memory is allocated here: about 18 bytes for each entry.
    ///
    /// - Parameters:
    ///   - capacity: The most entries, 7 to 2^24.
    ///   - timeToLive: How long an entry counts after it was inserted, rounded up to 67 ms; at most 4 years.
    ///   - readers: Threads that ask, 1 to 8192.
    public init(capacity asked: Int = 10_000, timeToLive: Duration, readers: Int) {
        precondition((Self.ways...1 << 24).contains(asked), "a cache has 7 to 2^24 entries, not \(asked)")
        precondition((1...8192).contains(readers), "a cache has 1 to 8192 readers, not \(readers)")
        precondition(timeToLive > .zero, "entries must live for some time")
        setCount = UInt64(asked / Self.ways)
        capacity = Int(setCount) * Self.ways
        let lifeNs = UInt64(clamping: Int64(min(timeToLive / .seconds(1), 126_000_000) * 1e9))
        lifeTicks = max(1, (lifeNs + Self.tickNs - 1) / Self.tickNs)
        reads = CounterBlock(count: readers * Self.countersPerReader, layout: .packed)
        let bytes = Int(setCount) * Self.setBytes
        unsafe sets = .allocate(byteCount: bytes, alignment: Self.setBytes)
        for offset in stride(from: 0, to: bytes, by: MemoryLayout<Atomic<UInt64>>.stride) {
            unsafe (sets + offset).bindMemory(to: Atomic<UInt64>.self, capacity: 1).initialize(to: Atomic(0))
        }
    }

    deinit {
        // The words are trivial: nothing to deinitialize.
        unsafe sets.deallocate()
    }

    /// The number of a key, or nil where it is not known (any more). Never waits.
    ///
    /// - Parameters:
    ///   - key: Any value.
    ///   - reader: The calling thread's index, below the number of readers; no other thread uses it at the same time.
    ///   - nowNs: The time, of the clock that the writer goes by.
    @inlinable
    public func lookUp(_ key: UInt64, reader: Int, nowNs: UInt64) -> UInt32? {
        guard case .found(let id) = find(key, reader: reader, nowNs: nowNs) else { return nil }
        return id
    }

    /// What is known of a key.
    public enum Answer: Sendable, Equatable {
        /// Its number.
        case found(UInt32)
        /// Nothing.
        case unknown
        /// A number whose time is over.
        case expired
    }

    /// The same as ``lookUp(_:reader:nowNs:)``, and tells what was never known from what is known no longer.
    @inlinable
    @inline(__always)
    public func find(_ key: UInt64, reader: Int, nowNs: UInt64) -> Answer {
        let set = unsafe self.set(of: key)
        for _ in 0..<Self.mostTries {
            // R1.
            let version = unsafe Self.version(set).pointee.load(ordering: .acquiring)
            guard let way = unsafe Self.way(of: key, in: set) else {
                count(.miss, reader)
                return .unknown
            }
            // R2, R3. Relaxed: the acquire before keeps it behind.
            let entry = unsafe Entry(word: Self.value(set, way).pointee.load(ordering: .acquiring))
            guard unsafe version % 2 == 0 && version == Self.version(set).pointee.load(ordering: .relaxed) else {
                continue
            }
            guard !entry.isEmpty else {
                count(.miss, reader)
                return .unknown
            }
            guard entry.expiryTick > nowNs / Self.tickNs else {
                count(.expired, reader)
                return .expired
            }
            count(.hit, reader)
            return .found(entry.id)
        }
        count(.contended, reader)
        return .unknown
    }

    /// Remembers the number of a key until its time is over, instead of what was remembered before. Writer only.
    ///
    /// - Parameter lifeNs: How long it counts, instead of the cache's own time to live; rounded up to 67 ms.
    public func insert(_ key: UInt64, id: UInt32, nowNs: UInt64, lifeNs: UInt64? = nil) {
        writer.enter()
        defer { writer.leave() }
        let set = unsafe set(of: key)
        let nowTick = nowNs / Self.tickNs
        let way: Int
        if let found = unsafe Self.occupiedWay(of: key, in: set) {
            way = found
        } else {
            way = unsafe Self.wayToUse(set)
            if unsafe Self.entry(set, way).expiryTick > nowTick { add(.evictions) }
        }
        // Beyond nine years of uptime, entries expire at once.
        let ticks = lifeNs.map { max(1, min($0, .max - Self.tickNs) + Self.tickNs - 1) / Self.tickNs } ?? lifeTicks
        let entry = Entry(id: id, expiryTick: UInt32(clamping: nowTick + max(1, ticks)))
        unsafe write(set, way, key: key, entry)
        add(.insertions)
    }

    /// Forgets a key; says whether it was remembered. Writer only.
    @discardableResult
    public func remove(_ key: UInt64) -> Bool {
        writer.enter()
        defer { writer.leave() }
        let set = unsafe set(of: key)
        guard let way = unsafe Self.occupiedWay(of: key, in: set) else { return false }
        unsafe write(set, way, key: key, Entry(word: 0))
        add(.removals)
        return true
    }

    /// The keys that count now, in no order. Writer only. O(capacity).
    public func forEachKey(nowNs: UInt64, _ body: (UInt64) -> Void) {
        writer.enter()
        defer { writer.leave() }
        for number in 0..<Int(setCount) {
            let set = unsafe sets + number * Self.setBytes
            for way in 0..<Self.ways where unsafe Self.entry(set, way).expiryTick > nowNs / Self.tickNs {
                // Relaxed: nobody else writes.
                body(unsafe Self.key(set, way).pointee.load(ordering: .relaxed))
            }
        }
    }

    /// The counters; any thread may ask.
    public var statistics: LookupCacheStatistics {
        func sum(_ outcome: Outcome) -> UInt64 {
            stride(from: 0, to: reads.count, by: Self.countersPerReader)
                .reduce(0) { $0 &+ reads.load($1 + outcome.rawValue) }
        }
        return LookupCacheStatistics(
            hits: sum(.hit),
            misses: sum(.miss),
            expired: sum(.expired),
            contended: sum(.contended),
            insertions: writes.load(WriteCount.insertions.rawValue),
            removals: writes.load(WriteCount.removals.rawValue),
            evictions: writes.load(WriteCount.evictions.rawValue),
            capacity: capacity
        )
    }

    private func write(_ set: UnsafeMutableRawPointer, _ way: Int, key: UInt64, _ entry: Entry) {
        let version = unsafe Self.version(set)
        // Relaxed: only the writer changes it.
        let old = unsafe version.pointee.load(ordering: .relaxed)
        // W1. Relaxed: the releases behind it keep it before them.
        unsafe version.pointee.store(old &+ 1, ordering: .relaxed)
        // W2, W3.
        unsafe Self.key(set, way).pointee.store(key, ordering: .releasing)
        unsafe Self.value(set, way).pointee.store(entry.word, ordering: .releasing)
        unsafe version.pointee.store(old &+ 2, ordering: .releasing)
    }

    private func add(_ what: WriteCount) { writes.addAsOnlyWriter(what.rawValue) }

    /// Counts what became of a question.
    @inlinable
    @inline(__always)
    func count(_ outcome: Outcome, _ reader: Int) {
        reads.addAsOnlyWriter(reader * Self.countersPerReader + outcome.rawValue)
    }
}
