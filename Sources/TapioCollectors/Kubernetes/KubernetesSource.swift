/// What the API says became of something.
public enum KubernetesChange: Sendable, Equatable {
    /// A pod of this node is there, in this state.
    case pod(KubernetesPodState)
    /// It is gone; nil where how it ended was missed.
    case podGone(uid: String, last: KubernetesPodState?)
    /// All pods that there are have been told of.
    case podsListed
    /// The node is there, in this state.
    case node(KubernetesNodeState)
    /// It is gone.
    case nodeGone
    /// The node has been told of, if there is one.
    case nodeListed
    /// Something happened, to the node or to a pod of any node.
    case event(KubernetesEventState)
}

/// Of what a collector wants to hear beside its node and the node's pods.
public enum KubernetesEventScope: String, Sendable, CaseIterable {
    /// Events of the node, and of pods: of all nodes', since the API cannot select them by node.
    case podsAndNode = "pods_and_node"
    /// Events of the node alone.
    case node
    /// None.
    case off
}

/// Who watches a cluster's API for the collector: a target of its own, since it needs an HTTP client.
public protocol KubernetesSource: Sendable {
    /// Whether there is an API to watch. Answers at once, and asks nobody.
    var readiness: CollectorReadiness { get }
    /// The node whose changes it tells.
    var node: String { get }
    /// Begins: first what there is, then each change. Those of the node, of pods and of events are each in order, on
    /// threads of their own.
    ///
    /// - Parameter deliver: Takes a change without waiting long.
    func begin(
        _ events: KubernetesEventScope,
        deliver: @escaping @Sendable (KubernetesChange) -> Void
    ) throws(CollectorError)
    /// Other events are wanted from now on. Nothing is told again.
    func reconfigure(_ events: KubernetesEventScope) throws(CollectorError)
    /// Ends what ``begin(_:deliver:)`` began.
    func end()
    /// What is wrong with the watch, and what it is; lines of ``CollectorHealth``.
    var problems: [String] { get }
    var notes: [String] { get }
}

/// Nobody watches: a build, or a command, without a client of the API.
struct NoKubernetes: KubernetesSource {
    var readiness: CollectorReadiness { .unavailable("no cluster is watched here") }
    var node: String { "" }
    var problems: [String] { [] }
    var notes: [String] { [] }

    func begin(
        _ events: KubernetesEventScope,
        deliver: @escaping @Sendable (KubernetesChange) -> Void
    ) throws(CollectorError) {
        throw CollectorError(collector: KubernetesCollector.name, reason: "no cluster is watched here")
    }

    func reconfigure(_ events: KubernetesEventScope) {}
    func end() {}
}
