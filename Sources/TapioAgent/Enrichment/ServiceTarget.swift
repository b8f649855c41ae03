import TapioEvents
import TapioKubernetes

/// What a client that connects somewhere reaches.
struct ServiceTarget: Hashable, Sendable {
    /// Which of a service's addresses it is.
    enum Kind: String, Sendable {
        /// The service's own.
        case clusterIP = "cluster_ip"
        /// Of what stands behind it.
        case endpoint
    }

    var name: ServiceName
    var kind: Kind
    /// Name of the pod behind an endpoint; nil where it is none.
    var pod: String?

    /// As in the column `dst_service`.
    var text: String { "\(name.namespace)/\(name.name)" }
}

extension ClusterSnapshot {
    /// Where services are reached, by their own addresses and by their endpoints'. Where several services have one endpoint, the
    /// first by namespace and name. O(services + endpoints).
    func serviceTargets() -> [SocketAddress: ServiceTarget] {
        var targets: [SocketAddress: ServiceTarget] = [:]
        func add(_ target: ServiceTarget, _ address: IPAddress, _ port: UInt16, _ transport: TransportProtocol) {
            let place = SocketAddress(address, port: port, transport: transport)
            guard let other = targets[place] else {
                targets[place] = target
                return
            }
            // An address of the cluster is nobody's endpoint.
            let isFirst = other.kind == target.kind ? target.text < other.text : target.kind == .clusterIP
            if isFirst { targets[place] = target }
        }
        for service in services {
            for address in service.clusterAddresses {
                for port in service.ports {
                    add(ServiceTarget(name: service.name, kind: .clusterIP), address, port.number, port.transport)
                }
            }
        }
        for slice in endpointSlices {
            guard let name = slice.service else { continue }
            for endpoint in slice.endpoints {
                let target = ServiceTarget(name: name, kind: .endpoint, pod: endpoint.pod?.name)
                for address in endpoint.addresses {
                    for port in slice.ports { add(target, address, port.number, port.transport) }
                }
            }
        }
        return targets
    }
}

extension TransportProtocol {
    /// IP's number of it (IANA).
    var number: UInt8 {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .sctp: 132
        }
    }
}

extension IPAddress {
    /// As in records.
    var bytes: AddressBytes { AddressBytes(high: high, low: low) }
}
