import TapioArchive
import TapioEnrichment
import TapioEvents
import TapioKubernetes
import TapioRings

/// Finds out whose cgroups are that readers met for the first time, and tells the ``Enricher``: from the cgroup's path, and,
/// where a cluster is watched, from what that says about the pod.
actor EnrichmentResolver {
    /// Ids of different meaning until the table begins anew; 16 bits hold them.
    static let mostIDs = 32_768
    /// How long readers may hold an id that they got, ns: longer than a batch is open.
    private static let idLifeNs: UInt64 = 60_000_000_000
    /// Cgroups whose identity is remembered, so that what the cluster says later can be added.
    private static let mostKnown = 20_000

    /// What it did, for status.
    struct Statistics: Sendable, Equatable {
        /// Cgroups whose path was found.
        var resolved: UInt64 = 0
        /// Cgroups that were gone before anybody looked.
        var gone: UInt64 = 0
        /// Different meanings in the table.
        var meanings = 0
        /// How often the table began anew because it was full.
        var tableRestarts: UInt64 = 0
        /// Rows for the table beside the archive that found no place.
        var refusedRows: UInt64 = 0
    }

    private let enricher: Enricher
    private let paths: CgroupPaths
    private var cluster: ClusterSnapshot?
    /// By pod's UID.
    private var services: [String: String] = [:]
    private let hasCluster: Bool
    private var entries: [EnrichmentTable.Entry]
    /// Entries that always mean the same.
    private let fixedEntries: Int
    private var ids: [Belonging: UInt32] = [:]
    private var known: [UInt64: ContainerIdentity?] = [:]
    private var knownOrder: [UInt64] = []
    private var drainsUntilNs: UInt64?
    private var facts: ContainerFacts?
    private(set) var statistics = Statistics()

    /// A resolver for an enricher that is told by nobody else.
    ///
    /// - Parameters:
    ///   - hasCluster: Whether somebody watches a cluster and will call ``update(_:servicesOfPods:)``.
    ///   - facts: Where what is found out is kept beside the archive; nil: nowhere.
    init(_ enricher: Enricher, roots: [String], hasCluster: Bool, facts: ContainerFacts? = nil) {
        self.facts = facts
        self.enricher = enricher
        self.hasCluster = hasCluster
        paths = CgroupPaths(roots: roots)
        entries = enricher.table.entries
        fixedEntries = entries.count
    }

    /// Resolves until the enricher is finished.
    func run() async {
        for await _ in enricher.wanted { resolveWaiting() }
    }

    /// Takes over what is known of the cluster now, and which service each of its pods stands behind.
    func update(_ snapshot: ClusterSnapshot, servicesOfPods: [String: String]) {
        cluster = snapshot
        services = servicesOfPods
        publish(
            known.compactMap { cgroup, identity in identity?.podUID == nil ? nil : (cgroup, belonging(identity)) }
        )
    }

    /// Takes the rows for the table that are new.
    func takeFacts() -> [FactRow] { facts?.take() ?? [] }

    private func resolveWaiting() {
        let nowNs = MonotonicClock.monotonicNs
        var found: [(UInt64, Belonging)] = []
        for cgroup in enricher.takeWaiting() {
            switch paths.path(of: cgroup, nowNs: nowNs) {
            case .path(let path):
                statistics.resolved += 1
                let identity = ContainerIdentity(cgroupPath: path)
                remember(cgroup, identity)
                facts?.notePath(path, of: cgroup)
                found.append((cgroup, belonging(identity)))
            case .gone:
                statistics.gone += 1
                enricher.gone.insert(cgroup, nowNs: nowNs)
            }
        }
        publish(found)
    }

    private func remember(_ cgroup: UInt64, _ identity: ContainerIdentity?) {
        if known.updateValue(identity, forKey: cgroup) == nil {
            knownOrder.append(cgroup)
            if knownOrder.count > Self.mostKnown {
                for old in knownOrder.prefix(Self.mostKnown / 4) { known[old] = nil }
                knownOrder.removeFirst(Self.mostKnown / 4)
            }
        }
    }

    /// Makes ids for cgroups, publishes the table once, and only then lets readers have the ids.
    private func publish(_ cgroups: [(UInt64, Belonging)]) {
        guard !cgroups.isEmpty else { return }
        let nowNs = MonotonicClock.monotonicNs
        var fresh: [(UInt64, UInt32)] = []
        for (cgroup, belonging) in cgroups {
            facts?.note(belonging, of: cgroup)
            guard let id = id(of: belonging, nowNs) else { continue }
            fresh.append((cgroup, id))
        }
        enricher.publish(EnrichmentTable(all: entries))
        for (cgroup, id) in fresh { enricher.cache.insert(cgroup, id: id, nowNs: nowNs) }
        statistics.meanings = entries.count
        statistics.refusedRows = facts?.refused ?? 0
    }

    private func belonging(_ identity: ContainerIdentity?) -> Belonging {
        var result = Belonging()
        result.containerID = identity?.containerID ?? ""
        result.runtime = identity?.runtime?.rawValue ?? ""
        result.unit = identity?.unit ?? ""
        result.podUID = identity?.podUID ?? ""
        result.containerStatus = identity?.containerID == nil ? .absent : .hit
        guard let uid = identity?.podUID else {
            result.podStatus = .absent
            return result
        }
        guard hasCluster else {
            result.podStatus = .disabled
            return result
        }
        let container = identity?.containerID.flatMap { cluster?.container(id: $0) }
        guard let pod = container?.pod ?? cluster?.pod(uid: uid) else {
            result.podStatus = .late
            return result
        }
        result.podStatus = .hit
        result.podUID = pod.metadata.uid
        result.pod = pod.metadata.name
        result.namespace = pod.metadata.namespace
        result.container = container?.status.name ?? ""
        result.workload = "\(pod.workload.kind)/\(pod.workload.name)"
        result.service = services[pod.metadata.uid] ?? ""
        return result
    }

    /// The id of a meaning; nil while the table is about to begin anew.
    private func id(of belonging: Belonging, _ nowNs: UInt64) -> UInt32? {
        if let id = ids[belonging] { return id }
        if let until = drainsUntilNs {
            guard nowNs >= until else { return nil }
            restartTable()
        } else if entries.count >= Self.mostIDs {
            // Readers must have let go of all ids before one means something else.
            for cgroup in known.keys { enricher.cache.remove(cgroup) }
            drainsUntilNs = nowNs + Self.idLifeNs
            return nil
        }
        entries.append(belonging.entry)
        ids[belonging] = UInt32(entries.count - 1)
        return UInt32(entries.count - 1)
    }

    private func restartTable() {
        drainsUntilNs = nil
        statistics.tableRestarts += 1
        ids = [:]
        entries.removeLast(entries.count - fixedEntries)
    }
}
