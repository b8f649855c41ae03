/// The resources of the API that can be watched.
public enum Resource: String, Sendable, CaseIterable, Hashable {
    /// Pods: whose a container, a cgroup or an address is.
    case pods
    /// Services: what clients connect to.
    case services
    /// Endpoint slices: which addresses stand behind a service.
    case endpointSlices = "endpointslices"
    /// Nodes and their conditions.
    case nodes
    /// What Kubernetes says happened. Only news count: those that were there before are not delivered.
    case events

    /// Its path below the server's URL, for all namespaces.
    public var path: String {
        self == .endpointSlices ? "/apis/discovery.k8s.io/v1/endpointslices" : "/api/v1/\(rawValue)"
    }
}
