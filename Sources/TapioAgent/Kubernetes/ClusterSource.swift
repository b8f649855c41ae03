import Logging
import TapioCollectors
import TapioKubernetes
import TapioRings

/// The cluster's API, where there is one: watches it, hands what it says to the resolvers, and, while the collector runs,
/// to that. Both have pods of one watch.
final class ClusterSource: Sendable {
    /// A watch of one resource, whatever it is.
    struct Running: Sendable {
        /// What it watches, for people.
        let what: String
        let stop: @Sendable () -> Void
        let statistics: @Sendable () -> ResourceStatistics
    }

    struct State {
        var server: APIServer?
        var watch: ClusterWatch?
        var following: Task<Void, Never>?
        var error: String?
        var resolvers: (EnrichmentResolver, RemoteResolver)?
        /// The collector's own watches.
        var nodes: Running?
        var events: [Running] = []
    }

    /// Changes are handed over at most that often: each costs a look at all pods of the node.
    private static let interval = Duration.milliseconds(500)

    let nodeName: String
    let settings: WatchSettings
    let state = Guarded(State())
    /// Who takes changes for the collector; locked while what there is is handed over, so that none overtakes that.
    let listener = Guarded<(@Sendable (KubernetesChange) -> Void)?>(nil)
    /// Why no cluster is asked, and what would help; nil where one is to be.
    let absence: String?
    private let find: @Sendable () throws(KubernetesError) -> APIServer

    /// Finds out whom to ask; asks nobody yet.
    init(
        _ configuration: AgentConfiguration.Kubernetes,
        nodeName: String,
        environment: [String: String],
        settings: WatchSettings = WatchSettings()
    ) {
        self.nodeName = nodeName
        self.settings = settings
        absence = Self.absence(configuration, environment)
        find = { () throws(KubernetesError) in try Self.server(configuration, environment) }
        if absence == nil { _ = server() }
    }

    private static func absence(
        _ configuration: AgentConfiguration.Kubernetes,
        _ environment: [String: String]
    ) -> String? {
        if configuration.mode == .off { return "kubernetes.mode is off: set it to auto to have the cluster watched" }
        let isNamed = configuration.url != nil || configuration.kubeconfig != nil
        guard !isNamed, environment["KUBERNETES_SERVICE_HOST"] == nil else { return nil }
        return
            "no cluster's API is known here: run the agent as a pod of the cluster, or set kubernetes.kubeconfig or kubernetes.url"
    }

    /// Whom to ask.
    private static func server(
        _ configuration: AgentConfiguration.Kubernetes,
        _ environment: [String: String]
    ) throws(KubernetesError) -> APIServer {
        if let path = configuration.kubeconfig {
            do throws(KubeconfigError) {
                return try Kubeconfig.server(path)
            } catch {
                throw KubernetesError(
                    action: "use the kubeconfig",
                    place: path,
                    reason: error.message,
                    remedy: error.remedy
                )
            }
        }
        if let url = configuration.url {
            let token = configuration.tokenFile.map { APIServer.Credentials.tokenFile($0) }
            return try APIServer(url: url, caFile: configuration.caFile, credentials: token ?? .none)
        }
        return try APIServer.inCluster(environment: environment)
    }

    /// Whom to ask, looked for again where that failed before: a file that is named may come later.
    private func server() -> APIServer? {
        state.withLock { state in
            if let server = state.server { return server }
            do throws(KubernetesError) {
                state.server = try find()
                state.error = nil
            } catch {
                state.error = "\(error)"
            }
            return state.server
        }
    }

    /// The server's URL; nil where none is asked.
    var url: String? { state.withLock { $0.server?.url } }

    /// What keeps it from being asked, or from answering.
    var error: String? {
        state.withLock { state in
            state.error
                ?? state.watch?.statistics.values.lazy.filter(\.isFailing).compactMap(\.lastError).first.map { "\($0)" }
        }
    }

    /// What is known of the cluster; nil where none is watched.
    var snapshot: ClusterSnapshot? { state.withLock { $0.watch }?.snapshot }

    /// Begins to watch. What is wrong is logged: the agent goes on without names of pods.
    func start(
        _ resolver: EnrichmentResolver,
        _ remoteResolver: RemoteResolver,
        logger: Logger
    ) async {
        if let absence {
            logger.info("names of pods are unknown: \(absence)")
            return
        }
        state.withLock { $0.resolvers = (resolver, remoteResolver) }
        if let server = server(), watch(server) != nil {
            logger.info("watching pods and services at \(server.url)")
        } else {
            logger.error("names of pods are unknown: \(error ?? "no reason known")")
        }
    }

    /// The watch that the resolver and the collector share; begins it where that has not been done. Nil, with an error in
    /// the state, where that cannot be.
    func watch(_ server: APIServer) -> ClusterWatch? {
        state.withLock { state in
            if let watch = state.watch { return watch }
            do throws(ThreadError) {
                let watch = try ClusterWatch(
                    server: server,
                    scope: ClusterWatch.Scope(nodeName: nodeName, resources: [.pods, .services, .endpointSlices]),
                    settings: settings
                ) { [listener] change in
                    guard case .pod(let change) = change else { return }
                    listener.withLock { deliver in
                        if let deliver { deliver(KubernetesChange(change)) }
                    }
                }
                state.watch = watch
                state.following = state.resolvers.map { Self.follow(watch, for: $0, $1) }
                return watch
            } catch {
                state.error = "\(error)"
                return nil
            }
        }
    }

    /// Whom to ask and the watch of it; nil, with an error in the state, where that cannot be.
    func watched() -> (APIServer, ClusterWatch)? {
        guard let server = server(), let watch = watch(server) else { return nil }
        return (server, watch)
    }

    private static func follow(
        _ watch: ClusterWatch,
        for resolver: EnrichmentResolver,
        _ remoteResolver: RemoteResolver
    ) -> Task<Void, Never> {
        Task {
            for await _ in watch.updates {
                let snapshot = watch.snapshot
                let services = snapshot.servicesOfPods()
                await resolver.update(snapshot, servicesOfPods: services)
                await remoteResolver.update(snapshot, servicesOfPods: services)
                try? await Task.sleep(for: interval)
            }
        }
    }

    /// Ends it.
    func stop() {
        let (watch, following) = state.withLock { ($0.watch, $0.following) }
        watch?.stop()
        following?.cancel()
    }
}
