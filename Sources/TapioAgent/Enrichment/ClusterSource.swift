import Logging
import TapioKubernetes
import TapioRings

/// The cluster's API, where there is one: watches it, and hands what it says to the resolvers.
final class ClusterSource: Sendable {
    private struct State {
        var watch: ClusterWatch?
        var following: Task<Void, Never>?
        var error: String?
    }

    /// Changes are handed over at most that often: each costs a look at all pods of the node.
    private static let interval = Duration.milliseconds(500)

    private let server: APIServer?
    private let nodeName: String
    private let state = Guarded(State())

    /// Finds out whom to ask; asks nobody yet.
    init(_ configuration: AgentConfiguration.Kubernetes, nodeName: String, environment: [String: String]) {
        self.nodeName = nodeName
        do throws(KubernetesError) {
            server = try Self.server(configuration, environment)
        } catch {
            server = nil
            state.withLock { $0.error = "\(error)" }
        }
    }

    /// Whom to ask; nil where the configuration says nobody, or says nothing and this is no pod.
    private static func server(
        _ configuration: AgentConfiguration.Kubernetes,
        _ environment: [String: String]
    ) throws(KubernetesError) -> APIServer? {
        guard configuration.mode == .auto else { return nil }
        if let url = configuration.url {
            let token = configuration.tokenFile.map { APIServer.Credentials.tokenFile($0) }
            return try APIServer(url: url, caFile: configuration.caFile, credentials: token ?? .none)
        }
        guard environment["KUBERNETES_SERVICE_HOST"] != nil else { return nil }
        return try APIServer.inCluster(environment: environment)
    }

    /// The server's URL; nil where none is asked.
    var url: String? { server?.url }

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
        if let error {
            logger.error("names of pods are unknown: \(error)")
            return
        }
        guard let server else {
            logger.info("no cluster is asked, so names of pods are unknown")
            return
        }
        let watch: ClusterWatch
        do throws(ThreadError) {
            watch = try ClusterWatch(
                server: server,
                scope: ClusterWatch.Scope(nodeName: nodeName, resources: [.pods, .services, .endpointSlices])
            )
        } catch {
            logger.error("names of pods are unknown: \(error)")
            state.withLock { $0.error = "\(error)" }
            return
        }
        logger.info("watching pods and services at \(server.url)")
        let following = Task {
            for await _ in watch.updates {
                let snapshot = watch.snapshot
                await resolver.update(snapshot)
                await remoteResolver.update(snapshot)
                try? await Task.sleep(for: Self.interval)
            }
        }
        state.withLock { state in
            state.watch = watch
            state.following = following
        }
    }

    /// Ends it.
    func stop() {
        let (watch, following) = state.withLock { ($0.watch, $0.following) }
        watch?.stop()
        following?.cancel()
    }
}
