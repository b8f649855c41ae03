import TapioArchive
import TapioEnrichment
import TapioEvents
import TapioKubernetes
import TapioRings

/// Learns names from answers and services from the cluster, tells the ``RemoteLookup``, and keeps what became known for the
/// tables beside the archive.
actor RemoteResolver {
    /// What it did, for status.
    struct Statistics: Sendable, Equatable {
        /// Answers that were learned from.
        var answers: UInt64 = 0
        /// Names that were too long to be kept.
        var tooLong: UInt64 = 0
        /// Addresses whose name is known, or was.
        var addresses = 0
        /// Different names.
        var names = 0
        /// Names that found no number.
        var refused: UInt64 = 0
        /// Addresses and ports of services.
        var services = 0
        /// Rows for the tables that found no place.
        var refusedRows: UInt64 = 0
    }

    /// Names of more bytes are not kept, so that memory is bounded: a DNS name has 253 at most, but for escapes.
    static let longestName = 255
    /// No name counts for longer, ns, whatever the answer says: as usual with resolvers.
    static let longestLifeNs: Int64 = 86_400 * 1_000_000_000

    private let lookup: RemoteLookup
    private let enricher: Enricher
    private let shortestLifeNs: Int64
    private var names: LearnedNames
    private var services = TextNumbers()
    private var serviceNumbers: [String: UInt16] = [:]
    private var targets: [SocketAddress: ServiceTarget] = [:]
    private var isComplete = false
    private var hasAllPods = false
    private var dnsFacts: DNSFacts?
    private var clusterFacts: ClusterFacts?
    private var counts = Statistics()

    /// A resolver for the look-up of an enricher; nobody else tells it anything.
    ///
    /// - Parameters:
    ///   - capacity: Addresses whose name is remembered.
    ///   - shortestLifeNs: A name counts at least that long.
    ///   - facts: What is kept for the tables beside the archive; nil: nothing.
    init(
        _ enricher: Enricher,
        capacity: Int,
        shortestLifeNs: UInt64,
        facts: (dns: DNSFacts, cluster: ClusterFacts)? = nil
    ) {
        self.enricher = enricher
        lookup = enricher.remote
        names = LearnedNames(capacity: capacity)
        self.shortestLifeNs = Int64(clamping: shortestLifeNs)
        dnsFacts = facts?.dns
        clusterFacts = facts?.cluster
    }

    /// Learns until the look-up is finished.
    func run() async {
        for await _ in lookup.wanted { while resolveWaiting() {} }
    }

    /// Takes the rows for the tables that are new.
    func takeFacts() -> [FactRow] { (dnsFacts?.take() ?? []) + (clusterFacts?.take() ?? []) }

    /// What it did.
    var statistics: Statistics {
        var result = counts
        result.addresses = names.facts.count
        result.names = names.numbers.count
        result.refused = names.numbers.refused
        result.services = targets.count
        result.refusedRows = (dnsFacts?.refused ?? 0) + (clusterFacts?.refused ?? 0)
        return result
    }

    // MARK: - Names

    /// - Returns: Whether there may be more.
    private func resolveWaiting() -> Bool {
        let (answers, keys) = lookup.takeWaiting()
        let nowNs = MonotonicClock.monotonicNs
        let bootNs = Int64(clamping: MonotonicClock.bootTimeNs)
        var known: [UInt64: LearnedNames.Fact] = [:]
        for answer in answers { learn(answer, nowNs, &known) }
        for key in keys where known[key] == nil {
            if let fact = names.fact(key, atNs: bootNs) {
                known[key] = fact
            } else {
                lookup.nameless.insert(key, nowNs: nowNs)
            }
        }
        for key in names.takeForgotten() {
            lookup.names.remove(key)
            lookup.since.remove(key)
            if names.facts[key] == nil { known[key] = nil }
        }
        // What numbers mean comes before readers can get them.
        if !known.isEmpty { enricher.publish(names: names.numbers.texts) }
        for (key, fact) in known {
            let lifeNs = UInt64(clamping: fact.untilNs - bootNs)
            guard lifeNs > 0 else { continue }
            // Who finds the name looks for its time.
            lookup.since.insert(
                key,
                id: RemoteLookup.sinceTick(fact.sinceNs),
                nowNs: nowNs,
                lifeNs: lifeNs
            )
            lookup.names.insert(key, id: UInt32(fact.number), nowNs: nowNs, lifeNs: lifeNs)
            lookup.nameless.remove(key)
        }
        lookup.finished(answers.count)
        return answers.count == RemoteLookup.mostAnswers
    }

    private func learn(_ answer: SeenAnswer, _ nowNs: UInt64, _ known: inout [UInt64: LearnedNames.Fact]) {
        guard answer.networkNamespace != 0, let (name, addresses) = DNSMessage(answer.message).addresses(),
            !addresses.isEmpty
        else { return }
        counts.answers += 1
        guard name.utf8.count <= Self.longestName else {
            counts.tooLong += 1
            return
        }
        for address in addresses where !address.bytes.isUnspecified {
            let key = lookup.key(address.bytes, of: answer.networkNamespace)
            let saidNs = Int64(address.seconds) * 1_000_000_000
            let fact = names.learn(
                name,
                for: key,
                in: answer.networkNamespace,
                atNs: answer.timeNs,
                lifeNs: min(max(saidNs, shortestLifeNs), Self.longestLifeNs),
                nowNs: nowNs
            )
            guard let fact else { continue }
            known[key] = fact
            dnsFacts?.note(
                name,
                of: address.bytes,
                in: answer.networkNamespace,
                key: key,
                fromNs: answer.timeNs,
                toNs: fact.untilNs
            )
        }
    }

    // MARK: - Services and pods

    /// Takes over what is known of the cluster now, and which service each of its pods stands behind.
    func update(_ snapshot: ClusterSnapshot, servicesOfPods: [String: String]) {
        let isNowComplete = snapshot.isSynced([.services, .endpointSlices])
        let current = snapshot.serviceTargets()
        if current != targets || isNowComplete != isComplete {
            clusterFacts?.note(current, isFirst: !isComplete)
            targets = current
            isComplete = isNowComplete
            publishServices()
        }
        clusterFacts?.note(snapshot.pods, services: servicesOfPods, isFirst: !hasAllPods)
        hasAllPods = snapshot.isSynced([.pods])
    }

    private func publishServices() {
        let nowNs = MonotonicClock.monotonicNs
        let wanted = Set(targets.values.map(\.text))
        for text in wanted where serviceNumbers[text] == nil {
            serviceNumbers[text] = services.take(text, nowNs: nowNs)
        }
        enricher.publish(services: services.texts)
        var ids: [UInt64: UInt32] = [:]
        for (place, target) in targets {
            guard let number = serviceNumbers[target.text] else { continue }
            let key = lookup.key(place.address.bytes, port: place.port, place.transport.number)
            ids[key] = UInt32(number)
        }
        lookup.publish(
            LookupTable(ids),
            isComplete: isComplete,
            hasAnyPort: targets.keys.contains { $0.port == 0 }
        )
        // After that: who still finds one gets a number that rests.
        for (text, number) in serviceNumbers where !wanted.contains(text) {
            services.giveUp(number, nowNs: nowNs)
            serviceNumbers[text] = nil
        }
    }
}
