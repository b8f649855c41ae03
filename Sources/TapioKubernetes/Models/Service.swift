/// A service by name.
public struct ServiceName: Sendable, Hashable {
    /// Its namespace.
    public var namespace: String
    /// Its name there.
    public var name: String

    /// The service `name` of `namespace`.
    public init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }
}

/// A service: what clients connect to.
public struct Service: KubernetesObject {
    /// A port that it offers.
    public struct Port: Sendable, Hashable {
        /// Empty where it is the only one.
        public var name: String
        /// 1 to 65535.
        public var number: UInt16
        /// The protocol.
        public var transport: TransportProtocol
    }

    /// Services, at `/api/v1/services`.
    public static var resource: Resource { .services }

    /// Name, namespace, UID, version.
    public var metadata: ObjectMetadata
    /// "ClusterIP", "NodePort", "LoadBalancer" or "ExternalName".
    public var type: String
    /// Its addresses in the cluster, one for each family; empty for a headless one.
    public var clusterAddresses: [IPAddress]
    /// Its ports.
    public var ports: [Port]

    /// Namespace and name.
    public var name: ServiceName { ServiceName(namespace: metadata.namespace, name: metadata.name) }

    /// Where its clients connect to.
    var clientAddresses: [SocketAddress] {
        clusterAddresses.flatMap { address in
            ports.map { SocketAddress(address, port: $0.number, transport: $0.transport) }
        }
    }

    private enum CodingKeys: CodingKey {
        case metadata, spec
    }

    /// Throws where a port has no number or a protocol that we don't know.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        let spec = try container.decodeIfPresent(Spec.self, forKey: .spec)
        type = spec?.type ?? "ClusterIP"
        // "None" is a headless one's; clusterIP is the first of clusterIPs, old servers have it alone.
        let texts = spec?.clusterIPs ?? spec?.clusterIP.map { [$0] } ?? []
        clusterAddresses = texts.compactMap(IPAddress.init)
        ports = (spec?.ports ?? []).map {
            Port(name: $0.name ?? "", number: $0.port, transport: $0.protocol ?? .tcp)
        }
    }

    private struct Spec: Decodable {
        struct Port: Decodable {
            var name: String?
            var port: UInt16
            var `protocol`: TransportProtocol?
        }
        var type: String?
        var clusterIP: String?
        var clusterIPs: [String]?
        var ports: [Port]?
    }
}
