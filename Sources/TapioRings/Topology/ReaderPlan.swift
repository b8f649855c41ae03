/// Which thread reads which CPUs' rings, and where it runs.
///
/// There is a ring for every online CPU, also where the process may not run: each is some reader's, and no one else's.
public struct ReaderPlan: Sendable, Equatable {
    /// One thread.
    public struct Reader: Sendable, Equatable {
        /// The thread's name.
        public let name: String
        /// CPUs whose rings it reads, ascending.
        public let drains: [Int]
        /// CPUs that it may run on, ascending; never empty, and all of them allowed.
        public let runsOn: [Int]
        /// The node that all of `drains` and `runsOn` lie on, for memory that the reader shall have there; nil where they
        /// lie on several, or the kernel knows none.
        public let node: Int?
    }

    /// The readers, at least one.
    public let readers: [Reader]

    /// Plans the readers of a machine.
    ///
    /// - Throws: Where the policy asks for no reader, or for more than there are online CPUs.
    public init(_ topology: CPUTopology, policy: ReaderPolicy) throws(ReaderPlanError) {
        let shares: [[Int]]
        switch policy {
        case .auto: shares = Self.sharesByNode(topology)
        case .perCPU: shares = topology.online.map { [$0] }
        case .count(let count):
            guard (1...topology.online.count).contains(count) else {
                throw ReaderPlanError(asked: count, online: topology.online.count)
            }
            shares = Self.shares(topology, count: count)
        }
        readers = shares.sorted { $0[0] < $1[0] }.enumerated().map { number, share in
            let runsOn = Self.places(topology, for: share)
            let nodes = Set((share + runsOn).map { topology.node(of: $0) })
            return Reader(
                name: "reader-\(number)",
                drains: share,
                runsOn: runsOn,
                node: nodes.count == 1 ? nodes.first.flatMap { $0 } : nil
            )
        }
    }

    /// The online CPUs of each node; all together where the kernel knows none.
    private static func groups(_ topology: CPUTopology) -> [[Int]] {
        let groups = topology.nodes.map(\.cpus).filter { !$0.isEmpty }
        let placed = Set(groups.joined())
        let rest = topology.online.filter { !placed.contains($0) }
        return rest.isEmpty ? groups : groups + [rest]
    }

    /// A share for each node that the process may run on. The other nodes' CPUs go where the fewest are.
    private static func sharesByNode(_ topology: CPUTopology) -> [[Int]] {
        let allowed = Set(topology.allowed)
        let groups = groups(topology)
        var shares = groups.filter { !allowed.isDisjoint(with: $0) }
        for group in groups where allowed.isDisjoint(with: group) { give(group, to: &shares) }
        return shares
    }

    /// So many shares: whole nodes where they are fewer than nodes, else parts of one node each.
    private static func shares(_ topology: CPUTopology, count: Int) -> [[Int]] {
        let groups = groups(topology)
        if count < groups.count {
            var shares = [[Int]](repeating: [], count: count)
            for group in groups.sorted(by: { $0.count > $1.count }) { give(group, to: &shares) }
            return shares
        }
        // Each node has one share, and each further one goes where a share has most CPUs.
        var parts = [Int](repeating: 1, count: groups.count)
        for _ in groups.count..<count {
            let fullest = groups.indices.max { groups[$0].count * parts[$1] < groups[$1].count * parts[$0] }
            guard let fullest else { break }
            parts[fullest] += 1
        }
        return zip(groups, parts).flatMap { split($0, into: $1, of: topology) }
    }

    private static func give(_ group: [Int], to shares: inout [[Int]]) {
        guard let emptiest = shares.indices.min(by: { shares[$0].count < shares[$1].count }) else { return }
        shares[emptiest] = (shares[emptiest] + group).sorted()
    }

    /// Even parts of a node's CPUs; those of one core stay together as far as the number allows.
    private static func split(_ group: [Int], into parts: Int, of topology: CPUTopology) -> [[Int]] {
        let members = Set(group)
        let byCore = topology.cores.flatMap { $0 }.filter { members.contains($0) }
        return (0..<parts).map { part in
            byCore[byCore.count * part / parts..<byCore.count * (part + 1) / parts].sorted()
        }
    }

    /// Where the reader of a share may run: on CPUs of the share, else on those of its nodes, else wherever the process may;
    /// and among these not on slow ones if there are others.
    private static func places(_ topology: CPUTopology, for share: [Int]) -> [Int] {
        let share = Set(share)
        let nodes = Set(share.compactMap { topology.node(of: $0) })
        let near = topology.nodes.filter { nodes.contains($0.number) }.flatMap(\.cpus)
        for candidates in [share, Set(near)] {
            let places = topology.allowed.filter { candidates.contains($0) }
            if !places.isEmpty { return fast(places, topology) }
        }
        return fast(topology.allowed, topology)
    }

    private static func fast(_ cpus: [Int], _ topology: CPUTopology) -> [Int] {
        let fast = cpus.filter { !topology.efficiencyCPUs.contains($0) }
        return fast.isEmpty ? cpus : fast
    }
}

/// Why there is no plan.
public struct ReaderPlanError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Readers that were asked for.
    public let asked: Int
    /// Online CPUs.
    public let online: Int

    /// What and the allowed range, in one line.
    public var description: String {
        "\(asked) readers are not possible: 1 to \(online), the number of online CPUs"
    }
}
