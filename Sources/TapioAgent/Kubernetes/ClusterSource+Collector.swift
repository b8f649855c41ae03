import TapioCollectors
import TapioKubernetes
import TapioRings

// What the collector hears: pods from the watch that it shares with the enrichment, the node and events from its own.
extension ClusterSource: KubernetesSource {
    var readiness: CollectorReadiness {
        if let absence { return .unavailable(absence) }
        return state.withLock { state in
            state.server == nil ? .misconfigured(state.error ?? "whom to ask is not known") : .ready
        }
    }

    var node: String { nodeName }

    func begin(
        _ events: KubernetesEventScope,
        deliver: @escaping @Sendable (KubernetesChange) -> Void
    ) throws(CollectorError) {
        guard let (server, watch) = watched() else { throw failure(error ?? absence ?? "no cluster is watched") }
        listener.withLock { listener in
            // A change that is in this snapshot may be delivered once more behind it: it then changes nothing.
            let snapshot = watch.snapshot
            for pod in snapshot.pods.sorted(by: Self.precedes) { deliver(.pod(KubernetesPodState(pod))) }
            if snapshot.isSynced([.pods]) { deliver(.podsListed) }
            listener = deliver
        }
        do throws(ThreadError) {
            let nodes = try reflect(Node.self, "nodes", "metadata.name=\(nodeName)", server) {
                if let change = KubernetesChange($0) { deliver(change) }
            }
            state.withLock { $0.nodes = nodes }
            try watchEvents(events, server, deliver)
        } catch {
            end()
            throw failure("\(error)")
        }
    }

    func reconfigure(_ events: KubernetesEventScope) throws(CollectorError) {
        guard let deliver = listener.withLock({ $0 }), let (server, _) = watched() else { return }
        let old = state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
        old.forEach { $0.stop() }
        do throws(ThreadError) {
            try watchEvents(events, server, deliver)
        } catch {
            throw failure("\(error)")
        }
    }

    func end() {
        listener.withLock { $0 = nil }
        let running = state.withLock { state in
            defer { (state.nodes, state.events) = (nil, []) }
            return [state.nodes].compactMap(\.self) + state.events
        }
        running.forEach { $0.stop() }
    }

    var problems: [String] {
        let running = running
        var problems = running.flatMap { Self.problems(of: $0.statistics(), $0.what) }
        if let nodes = state.withLock({ $0.nodes })?.statistics(), nodes.isSynced, nodes.objects == 0 {
            problems.append(
                "the cluster has no node '\(nodeName)': set node (TAPIO_NODE) to its name in kubectl get nodes"
            )
        }
        return problems
    }

    var notes: [String] { [url.map { "watching \($0)" }].compactMap(\.self) }

    // MARK: Watches

    private var running: [Running] {
        state.withLock { state in
            let pods = state.watch.map { watch in
                Running(what: "pods", stop: {}, statistics: { watch.statistics[.pods] ?? ResourceStatistics() })
            }
            return [pods, state.nodes].compactMap(\.self) + state.events
        }
    }

    private func watchEvents(
        _ events: KubernetesEventScope,
        _ server: APIServer,
        _ deliver: @escaping @Sendable (KubernetesChange) -> Void
    ) throws(ThreadError) {
        // The API selects events by what they are about, not by node.
        let ofNode = ("events of the node", "involvedObject.kind=Node,involvedObject.name=\(nodeName)")
        let ofPods = ("events of pods", "involvedObject.kind=Pod")
        let wanted =
            switch events {
            case .podsAndNode: [ofNode, ofPods]
            case .node: [ofNode]
            case .off: [] as [(String, String)]
            }
        for (what, selector) in wanted {
            let running = try reflect(KubernetesEvent.self, what, selector, server) {
                if let change = KubernetesChange($0) { deliver(change) }
            }
            state.withLock { $0.events.append(running) }
        }
    }

    private func reflect<Object: KubernetesObject>(
        _ type: Object.Type,
        _ what: String,
        _ selector: String,
        _ server: APIServer,
        _ onChange: @escaping @Sendable (ObjectChange<Object>) -> Void
    ) throws(ThreadError) -> Running {
        let reflector = try Reflector<Object>(
            server: server,
            fieldSelector: selector,
            settings: settings,
            onChange: onChange
        )
        return Running(what: what, stop: { reflector.stop() }, statistics: { reflector.statistics })
    }

    private static func problems(of statistics: ResourceStatistics, _ what: String) -> [String] {
        var problems: [String] = []
        if statistics.isFailing, let error = statistics.lastError { problems.append("\(error)") }
        let unread = statistics.malformed + statistics.tooLong
        if unread > 0 { problems.append("\(unread) answers or lines of \(what) could not be read, and were left out") }
        if statistics.beyondBound > 0 { problems.append("\(statistics.beyondBound) \(what) were too many") }
        return problems
    }

    private static func precedes(_ one: Pod, _ other: Pod) -> Bool {
        (one.metadata.namespace, one.metadata.name, one.metadata.uid)
            < (other.metadata.namespace, other.metadata.name, other.metadata.uid)
    }

    private func failure(_ reason: String) -> CollectorError {
        CollectorError(collector: KubernetesCollector.name, reason: reason)
    }
}
