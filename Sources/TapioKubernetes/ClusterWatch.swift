public import TapioRings

/// Watches a cluster: a ``Reflector`` for each resource, and what they find out as one ``ClusterSnapshot``.
public final class ClusterWatch: Sendable {
    /// What is to be watched.
    public struct Scope: Sendable, Equatable {
        /// The resources. Events are for those who want each of them, and cost most.
        public var resources: Set<Resource>
        /// Only the pods of this node, and it alone of the nodes; nil: all. Services and their endpoints are always those
        /// of the whole cluster, since any of them may be connected to.
        public var nodeName: String?

        /// All resources but events.
        public init(
            nodeName: String?,
            resources: Set<Resource> = [.pods, .services, .endpointSlices, .nodes]
        ) {
            self.nodeName = nodeName
            self.resources = resources
        }
    }

    /// One reflector, whatever its kind.
    private struct Running: Sendable {
        let stop: @Sendable () -> Void
        let statistics: @Sendable () -> ResourceStatistics
    }

    private let state: Guarded<ClusterState>
    private let running: [Resource: Running]
    private let bell: AsyncStream<Void>.Continuation
    /// Rings after changes, for one listener: take the ``snapshot`` then. Rings of which nobody took notice are one. Ends
    /// with ``stop()``.
    public let updates: AsyncStream<Void>

    /// Starts.
    ///
    /// - Parameters:
    ///   - server: Whom to ask.
    ///   - scope: What to watch.
    ///   - settings: Bounds and times, for each resource.
    ///   - onChange: Gets each change once the snapshot has it: those of a resource in order, on its thread; those of
    ///     different ones at the same time. It must not block for long, and must not call ``stop()``.
    /// - Throws: If a thread cannot start; then none is left.
    public init(
        server: APIServer,
        scope: Scope,
        settings: WatchSettings = WatchSettings(),
        onChange: @escaping @Sendable (ClusterChange) -> Void = { _ in }
    ) throws(ThreadError) {
        let state = Guarded(ClusterState(mostObjects: settings.mostObjects))
        let (updates, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.state = state
        self.updates = updates
        self.bell = bell
        let deliver: @Sendable (ClusterChange) -> Void = { change in
            state.withLock { $0.apply(change) }
            onChange(change)
            bell.yield()
        }
        func start<Object: KubernetesObject>(
            _ wrap: @escaping @Sendable (ObjectChange<Object>) -> ClusterChange,
            selecting selector: String? = nil
        ) throws(ThreadError) -> Running {
            let reflector = try Reflector<Object>(server: server, fieldSelector: selector, settings: settings) {
                deliver(wrap($0))
            }
            return Running(stop: { reflector.stop() }, statistics: { reflector.statistics })
        }
        var running: [Resource: Running] = [:]
        do throws(ThreadError) {
            for resource in scope.resources {
                running[resource] =
                    switch resource {
                    case .pods: try start(ClusterChange.pod, selecting: scope.nodeName.map { "spec.nodeName=\($0)" })
                    case .services: try start(ClusterChange.service)
                    case .endpointSlices: try start(ClusterChange.endpointSlice)
                    case .nodes: try start(ClusterChange.node, selecting: scope.nodeName.map { "metadata.name=\($0)" })
                    case .events: try start(ClusterChange.event)
                    }
            }
        } catch {
            running.values.forEach { $0.stop() }
            throw error
        }
        self.running = running
    }

    /// Ends all requests at once, and returns when all threads are gone. The last snapshot stays.
    public func stop() {
        running.values.forEach { $0.stop() }
        bell.finish()
    }

    /// What is known now.
    public var snapshot: ClusterSnapshot { state.withLock { $0.snapshot } }

    /// What has become of lists and watches, for each resource that is watched.
    public var statistics: [Resource: ResourceStatistics] { running.mapValues { $0.statistics() } }
}
