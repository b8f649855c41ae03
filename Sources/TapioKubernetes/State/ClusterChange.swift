/// A change of one of the resources.
public enum ClusterChange: Sendable, Equatable {
    /// Of pods.
    case pod(ObjectChange<Pod>)
    /// Of services.
    case service(ObjectChange<Service>)
    /// Of endpoint slices.
    case endpointSlice(ObjectChange<EndpointSlice>)
    /// Of nodes.
    case node(ObjectChange<Node>)
    /// Something that Kubernetes says happened.
    case event(ObjectChange<KubernetesEvent>)
}
