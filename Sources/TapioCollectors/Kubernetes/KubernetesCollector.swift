import TapioEvents
import TapioKernel

/// Watches what the cluster says of this node, of its pods and of their containers.
public enum KubernetesCollector {
    /// Its name.
    public static let name = "kubernetes"

    /// Which events of Kubernetes are told.
    public static let events = CollectorOption.choice(
        "events",
        KubernetesEventScope.allCases.map(\.rawValue),
        default: KubernetesEventScope.podsAndNode.rawValue,
        "Whose events of Kubernetes are told. Those of pods cannot be selected by node: each agent gets those of all pods."
    )

    /// Its line in the registry, where nobody watches a cluster.
    public static let descriptor = descriptor(watching: NoKubernetes())

    /// Its line in the registry.
    public static func descriptor(watching source: any KubernetesSource) -> CollectorDescriptor {
        CollectorDescriptor(
            name: name,
            summary:
                "Changes of this node's pods, containers and conditions, and events of Kubernetes, from the cluster's API.",
            schemas: [pod, container, node, event],
            options: [events],
            tracepoints: [],
            readiness: { source.readiness },
            make: { KubernetesWatcher(source, plane: $0, options: $1) }
        )
    }
}

extension CollectorOptions {
    fileprivate var kubernetesEvents: KubernetesEventScope {
        KubernetesEventScope(rawValue: word(KubernetesCollector.events)) ?? .podsAndNode
    }
}

/// The collector: what its source delivers goes through a tracker into the rings, on the source's threads.
actor KubernetesWatcher: Collector {
    private let source: any KubernetesSource
    private let plane: KernelPlane
    private var options: CollectorOptions
    private var attached: AttachedObject?
    private var teller: KubernetesTeller?

    /// A collector that does nothing until it is started.
    init(_ source: any KubernetesSource, plane: KernelPlane, options: CollectorOptions) {
        self.source = source
        self.plane = plane
        self.options = options
    }

    func start() throws(CollectorError) {
        let fresh = try AttachedObject(KubernetesCollector.name, plane: plane)
        let teller: KubernetesTeller
        do throws(KernelError) {
            teller = KubernetesTeller(node: source.node, through: try fresh.object.reporter())
        } catch {
            throw CollectorError(collector: KubernetesCollector.name, error)
        }
        try source.begin(options.kubernetesEvents) { teller.take($0) }
        attached = fresh
        self.teller = teller
    }

    func stop() {
        source.end()
        // Nobody reports from here on: the object can go.
        teller?.close()
        teller = nil
        attached?.object.detach()
        attached = nil
    }

    func reconfigure(_ options: CollectorOptions) throws(CollectorError) {
        self.options = options
        if attached != nil { try source.reconfigure(options.kubernetesEvents) }
    }

    func health() throws(CollectorError) -> CollectorHealth {
        guard let attached, let teller else {
            throw CollectorError(collector: KubernetesCollector.name, reason: "it is not attached")
        }
        var health = attached.health()
        health.problems += source.problems + teller.problems
        health.notes += source.notes + teller.notes
        return health
    }
}
