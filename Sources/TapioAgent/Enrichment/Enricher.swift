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
        /// The cgroup was gone before anybody looked.
        case gone = 2
    }

    /// Cgroups that can wait to be resolved; more of them are asked for again by their next event.
    static let mostWaiting = 4096

    let cache: LookupCache
    /// Cgroups that are gone: no other gets their id.
    let gone: NegativeCache
    /// What is known of the other end.
    let remote: RemoteLookup
    /// Where what records tell of processes goes.
    let processes = ProcessFeed()
    private let waiting = BoundedMPMCRing<UInt64>(capacity: mostWaiting)
    private let bell = ResolverBell()
    private let refused = Atomic<UInt64>(0)
    private let published: Guarded<EnrichmentTable>

    /// An enricher that knows nothing yet.
    ///
    /// - Parameters:
    ///   - capacity: Cgroups that are remembered, 7 to 2^24.
    ///   - timeToLive: For how long.
    ///   - readers: Threads that ask.
    ///   - remote: Who knows the other ends, for as many readers.
    init(capacity: Int, timeToLive: Duration, readers: Int, remote: RemoteLookup) {
        self.remote = remote
        gone = NegativeCache(capacity: capacity, timeToLive: timeToLive, readers: readers)
        cache = LookupCache(capacity: capacity, timeToLive: timeToLive, readers: readers)
        var late = Belonging()
        late.containerStatus = .late
        late.podStatus = .late
        var gone = Belonging()
        gone.containerStatus = .expired
        gone.podStatus = .expired
        let owners = EnrichmentTable(all: [Belonging().entry, late.entry, gone.entry])
        published = Guarded(EnrichmentTable(owners, names: TextTable(), services: TextTable()))
    }

    func id(for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
        if ProcessFeed.concerns(record.uint8(at: RecordCheck.kindOffset)) { processes.see(record) }
        let owner = owner(of: record.uint64(at: Enricher.cgroupOffset), reader, nowNs)
        return remote.id(owner: UInt16(truncatingIfNeeded: owner), record, reader: reader, nowNs: nowNs)
    }

    func laterID(_ id: EnrichmentID, for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
        remote.laterID(id, for: record, reader: reader, nowNs: nowNs)
    }

    @inline(__always)
    private func owner(of cgroup: UInt64, _ reader: Int, _ nowNs: UInt64) -> UInt32 {
        if cgroup == 0 { return FixedID.nobody.rawValue }
        if let id = cache.lookUp(cgroup, reader: reader, nowNs: nowNs) { return id }
        if gone.contains(cgroup, reader: reader, nowNs: nowNs) { return FixedID.gone.rawValue }
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
        bell.ring()
    }

    // MARK: - The resolver's side

    /// Rings where a cgroup waits to be resolved.
    var wanted: AsyncStream<Void> { bell.rings }

    /// The cgroups that wait, each once.
    func takeWaiting() -> Set<UInt64> {
        bell.lower()
        var found: Set<UInt64> = []
        while case .item(let cgroup) = waiting.pop() { found.insert(cgroup) }
        return found
    }

    /// Publishes what the ids of owners mean, before any of them is put into the cache.
    func publish(_ owners: EnrichmentTable) {
        published.withLock { $0 = EnrichmentTable(owners, names: $0.names, services: $0.services) }
    }

    /// The same of names.
    func publish(names: TextTable) {
        published.withLock { $0 = EnrichmentTable($0, names: names, services: $0.services) }
    }

    /// The same of services.
    func publish(services: TextTable) {
        published.withLock { $0 = EnrichmentTable($0, names: $0.names, services: services) }
    }

    /// Ends ``wanted``.
    func finish() { bell.finish() }

    // A literal: see ``RecordCheck``.
    private static let cgroupOffset = 16
}
