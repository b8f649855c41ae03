/// Decides which changes are rows: those that change something that a row shows. Pure.
///
/// Bounded: so many pods are remembered, so many events wait for their pod, so many pods that are gone still get theirs.
struct KubernetesTracker: Sendable {
    /// What became of something; the number is that of `TAPIO_K8S_EXISTING` and its like.
    enum Change: UInt8, Sendable {
        /// It was there when the collector began.
        case existing = 0
        case added = 1
        case modified = 2
        case deleted = 3
    }

    /// A row to be told.
    enum Row: Sendable, Equatable {
        case pod(KubernetesPodState, Change)
        case container(KubernetesContainerState, of: KubernetesPodState, Change)
        case node(KubernetesNodeState, Change)
        case event(KubernetesEventState, on: String)
    }

    /// The most pods of a node; kubelet takes 110 unless told otherwise.
    static let mostPods = 4096
    /// The most events that wait for their pod, and the most pods that are gone whose events are still taken.
    static let mostWaiting = 256

    /// This node's name.
    let node: String
    private(set) var pods: [String: KubernetesPodState] = [:]
    /// Pods that were left out because there were too many.
    private(set) var podsLeftOut: UInt64 = 0
    /// Events that turned out to be of pods of other nodes, or were held for too many others.
    private(set) var eventsElsewhere: UInt64 = 0
    private var arePodsListed = false
    private var isNodeListed = false
    private var nodeState: KubernetesNodeState?
    /// Events of pods that are not known, oldest first: another node's, or ours before we hear of them.
    private var waiting: [KubernetesEventState] = []
    /// UIDs, oldest first.
    private var gone: [String] = []
    private var bound = KubernetesTextBound()

    /// Nothing is known yet of that node.
    init(node: String) {
        self.node = node
    }

    /// Texts that were cut at their bound.
    var textsCut: UInt64 { bound.cuts }

    /// The rows that a change makes, in order. O(1), but for a pod's containers, and for events that waited for it.
    mutating func take(_ change: KubernetesChange) -> [Row] {
        switch change {
        case .pod(var pod):
            pod.bound(&bound)
            return take(pod)
        case .podGone(let uid, var last):
            last?.bound(&bound)
            return remove(uid, last)
        case .podsListed:
            arePodsListed = true
            return []
        case .node(var node):
            node.bound(&bound)
            guard node != nodeState else { return [] }
            let change: Change = nodeState != nil ? .modified : isNodeListed ? .added : .existing
            nodeState = node
            return [.node(node, change)]
        case .nodeGone:
            guard let last = nodeState else { return [] }
            nodeState = nil
            return [.node(last, .deleted)]
        case .nodeListed:
            isNodeListed = true
            return []
        case .event(var event):
            event.bound(&bound)
            return take(event)
        }
    }

    // MARK: Pods

    private mutating func take(_ pod: KubernetesPodState) -> [Row] {
        guard let old = pods[pod.uid] else {
            guard pods.count < Self.mostPods else {
                podsLeftOut += 1
                return []
            }
            pods[pod.uid] = pod
            let change: Change = arePodsListed ? .added : .existing
            return [.pod(pod, change)] + pod.containers.map { .container($0, of: pod, change) }
                + takeWaiting(of: pod.uid)
        }
        guard pod != old else { return [] }
        pods[pod.uid] = pod
        let containers = containerRows(from: old, to: pod)
        return pod.bare == old.bare ? containers : containers + [.pod(pod, .modified)]
    }

    private mutating func remove(_ uid: String, _ last: KubernetesPodState?) -> [Row] {
        guard let old = pods.removeValue(forKey: uid) else { return [] }
        gone.append(uid)
        if gone.count > Self.mostWaiting { gone.removeFirst() }
        let last = last ?? old
        return containerRows(from: old, to: last) + [.pod(last, .deleted)]
    }

    /// Containers that are new, or changed. None goes before its pod does.
    private func containerRows(from old: KubernetesPodState, to new: KubernetesPodState) -> [Row] {
        new.containers.compactMap { container in
            let before = old.containers.first { $0.name == container.name && $0.role == container.role }
            return before == container ? nil : .container(container, of: new, before == nil ? .added : .modified)
        }
    }

    // MARK: Events

    private mutating func take(_ event: KubernetesEventState) -> [Row] {
        guard event.isAboutPod, event.host != node, pods[event.objectUID] == nil, !gone.contains(event.objectUID) else {
            return [.event(event, on: node)]
        }
        // Another node's kubelet speaks of its own pods; who else speaks may be faster than the news of the pod.
        guard event.host.isEmpty else {
            eventsElsewhere += 1
            return []
        }
        waiting.append(event)
        if waiting.count > Self.mostWaiting {
            waiting.removeFirst()
            eventsElsewhere += 1
        }
        return []
    }

    private mutating func takeWaiting(of uid: String) -> [Row] {
        let found = waiting.filter { $0.objectUID == uid }
        if !found.isEmpty { waiting.removeAll { $0.objectUID == uid } }
        return found.map { .event($0, on: node) }
    }
}
