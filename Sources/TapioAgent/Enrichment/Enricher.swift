import Synchronization
import TapioEnrichment
import TapioEvents
import TapioPipeline
import TapioRings

/// Tells readers whose a record is, by its cgroup: a look-up without lock or allocation. What is not known yet goes out as
/// `late`, and a resolver finds out behind.
///
/// Readers ask; one resolver at a time writes.
final class Enricher: EnrichmentLookup {
    /// Ids that always mean the same.
    enum FixedID: UInt32 {
        /// The record names no cgroup.
        case nobody = 0
        /// Not known yet.
        case late = 1
    }

    /// Cgroups that can wait to be resolved; more of them are asked for again by their next event.
    static let mostWaiting = 4096

    let cache: LookupCache
    /// Rings where a cgroup waits to be resolved.
    let wanted: AsyncStream<Void>
    private let waiting = BoundedMPMCRing<UInt64>(capacity: mostWaiting)
    private let bell: AsyncStream<Void>.Continuation
    private let isBellRung = Atomic<Bool>(false)
    private let refused = Atomic<UInt64>(0)
    private let published: Guarded<EnrichmentTable>

    /// An enricher that knows nothing yet.
    ///
    /// - Parameters:
    ///   - capacity: Cgroups that are remembered, 7 to 2^24.
    ///   - timeToLive: For how long.
    ///   - readers: Threads that ask.
    init(capacity: Int, timeToLive: Duration, readers: Int) {
        cache = LookupCache(capacity: capacity, timeToLive: timeToLive, readers: readers)
        (wanted, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var late = Belonging()
        late.containerStatus = .late
        late.podStatus = .late
        published = Guarded(EnrichmentTable(all: [Belonging().entry, late.entry]))
    }

    func id(for record: RawSpan, reader: Int, nowNs: UInt64) -> UInt32 {
        let cgroup = record.uint64(at: Enricher.cgroupOffset)
        if cgroup == 0 { return FixedID.nobody.rawValue }
        if let id = cache.lookUp(cgroup, reader: reader, nowNs: nowNs) { return id }
        ask(for: cgroup)
        return FixedID.late.rawValue
    }

    var table: EnrichmentTable { published.withLock { $0 } }

    /// Questions that found no place; their cgroups' next events ask again.
    var refusedQuestions: UInt64 { refused.load(ordering: .relaxed) }

    @inline(never)
    private func ask(for cgroup: UInt64) {
        guard waiting.push(cgroup).isPushed else {
            refused.add(1, ordering: .relaxed)
            return
        }
        // A bell costs a lock: it rings once until the resolver comes. That one lowers the flag before it looks, so that
        // what was pushed after its look rings again.
        if !isBellRung.exchange(true, ordering: .acquiringAndReleasing) { bell.yield() }
    }

    // MARK: - The resolver's side

    /// The cgroups that wait, each once.
    func takeWaiting() -> Set<UInt64> {
        isBellRung.store(false, ordering: .sequentiallyConsistent)
        var found: Set<UInt64> = []
        while case .item(let cgroup) = waiting.pop() { found.insert(cgroup) }
        return found
    }

    /// Publishes what ids mean, before any of them is put into the cache.
    func publish(_ table: EnrichmentTable) { published.withLock { $0 = table } }

    /// Ends ``wanted``.
    func finish() { bell.finish() }

    // A literal: see ``RecordCheck``.
    private static let cgroupOffset = 16
}
