/// What is known of the cluster at one moment. It never changes; a later one is another value.
///
/// Every question costs one or two hash lookups.
public struct ClusterSnapshot: Sendable {
    /// A container, and the pod that it is of.
    public struct Container: Sendable, Equatable {
        /// The pod.
        public var pod: Pod
        /// The container in it.
        public var status: ContainerStatus
    }

    /// Something that stands behind a service.
    public struct Backend: Sendable, Equatable {
        /// The service.
        public var service: ServiceName
        /// The pod that it is; nil where it is none. Its UID may be empty.
        public var pod: ObjectKey?
        /// The node that it is on; nil where that is not known.
        public var nodeName: String?
    }

    /// Grows with every change.
    public internal(set) var revision: UInt64 = 0

    var podTable = ObjectTable<Pod>()
    var serviceTable = ObjectTable<Service>()
    var sliceTable = ObjectTable<EndpointSlice>()
    var nodeTable = ObjectTable<Node>()
    var podsByContainer = Index<String>()
    var podsByAddress = Index<IPAddress>()
    var servicesByAddress = Index<SocketAddress>()
    var servicesByName = Index<ServiceName>()
    var slicesByEndpoint = Index<SocketAddress>()
    var nodesByName = Index<String>()

    init() {}

    /// Whether all there is of these resources has come at least once. Events are never waited for.
    public func isSynced(_ resources: Set<Resource>) -> Bool {
        resources.allSatisfy { resource in
            switch resource {
            case .pods: podTable.isSynced
            case .services: serviceTable.isSynced
            case .endpointSlices: sliceTable.isSynced
            case .nodes: nodeTable.isSynced
            case .events: true
            }
        }
    }

    /// All pods known, in no order.
    public var pods: some Collection<Pod> { podTable.objects.values }
    /// All services known, in no order.
    public var services: some Collection<Service> { serviceTable.objects.values }
    /// All endpoint slices known, in no order.
    public var endpointSlices: some Collection<EndpointSlice> { sliceTable.objects.values }
    /// All nodes known, in no order.
    public var nodes: some Collection<Node> { nodeTable.objects.values }

    /// Objects and keys that were left out because there were too many.
    public var beyondBound: UInt64 {
        [
            podTable.beyondBound, serviceTable.beyondBound, sliceTable.beyondBound, nodeTable.beyondBound,
            podsByContainer.beyondBound, podsByAddress.beyondBound, servicesByAddress.beyondBound,
            servicesByName.beyondBound, slicesByEndpoint.beyondBound, nodesByName.beyondBound,
        ].reduce(0, &+)
    }

    /// The container with this id, or the one that was restarted last under it; the id is the runtime's, without its name
    /// in front.
    public func container(id: String) -> Container? {
        guard let pod = podsByContainer[id].flatMap(pod(uid:)),
            let status = pod.containers.first(where: { $0.id == id })
                ?? pod.containers.first(where: { $0.previousID == id })
        else { return nil }
        return Container(pod: pod, status: status)
    }

    /// The pod with this UID.
    public func pod(uid: String) -> Pod? { podTable.objects[uid] }

    /// The pod that has this address for itself: none on the node's network, and none that is finished.
    public func pod(at address: IPAddress) -> Pod? { podsByAddress[address].flatMap(pod(uid:)) }

    /// The service whose clients connect there.
    public func service(at address: SocketAddress) -> Service? {
        servicesByAddress[address].flatMap { serviceTable.objects[$0] }
    }

    /// The service of this name.
    public func service(named name: ServiceName) -> Service? {
        servicesByName[name].flatMap { serviceTable.objects[$0] }
    }

    /// What stands there behind a service: of a slice that has this port, else of one that has all ports.
    public func backend(at address: SocketAddress) -> Backend? {
        var anyPort = address
        anyPort.port = 0
        guard let uid = slicesByEndpoint[address] ?? slicesByEndpoint[anyPort], let slice = sliceTable.objects[uid],
            let service = slice.service,
            let endpoint = slice.endpoints.first(where: { $0.addresses.contains(address.address) })
        else { return nil }
        return Backend(service: service, pod: endpoint.pod, nodeName: endpoint.nodeName)
    }

    /// The node of this name.
    public func node(named name: String) -> Node? {
        nodesByName[name].flatMap { nodeTable.objects[$0] }
    }
}

extension ClusterSnapshot {
    /// For each pod that stands behind a service that service's name, by the pod's UID; the first by name where there are
    /// several. O(endpoints).
    public func servicesOfPods() -> [String: String] {
        var byName: [ObjectKey: String] = [:]
        for pod in podTable.objects.values {
            byName[ObjectKey(uid: "", namespace: pod.metadata.namespace, name: pod.metadata.name)] = pod.metadata.uid
        }
        var services: [String: String] = [:]
        for slice in sliceTable.objects.values {
            guard let service = slice.service?.name else { continue }
            for case .some(let key) in slice.endpoints.map(\.pod) {
                let named = ObjectKey(uid: "", namespace: key.namespace, name: key.name)
                guard let uid = key.uid.isEmpty ? byName[named] : key.uid else { continue }
                services[uid] = services[uid].map { min($0, service) } ?? service
            }
        }
        return services
    }
}
