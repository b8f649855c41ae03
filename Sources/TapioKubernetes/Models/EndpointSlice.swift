/// A part of the addresses that stand behind a service.
public struct EndpointSlice: KubernetesObject {
    /// Somewhere that the service's connections can end.
    public struct Endpoint: Sendable, Hashable {
        /// Its addresses, which are alternatives.
        public var addresses: [IPAddress]
        /// The pod that it is; nil where it is none.
        public var pod: ObjectKey?
        /// The node that it is on; nil where that is not said.
        public var nodeName: String?
    }

    /// A port of each endpoint.
    public struct Port: Sendable, Hashable {
        /// The name of the service's port.
        public var name: String
        /// 1 to 65535; 0: all of them.
        public var number: UInt16
        /// The protocol.
        public var transport: TransportProtocol
    }

    /// Endpoint slices, at `/apis/discovery.k8s.io/v1/endpointslices`.
    public static var resource: Resource { .endpointSlices }

    /// Name, namespace, UID, version.
    public var metadata: ObjectMetadata
    /// The service; nil for a slice that is no service's.
    public var service: ServiceName?
    /// Its endpoints; at most 1,000, says the API. Those given by name instead of address have none.
    public var endpoints: [Endpoint]
    /// Their ports.
    public var ports: [Port]

    private enum CodingKeys: CodingKey {
        case metadata, endpoints, ports
    }

    /// Throws where a port is out of range or has a protocol that we don't know.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        let labelled = try container.decode(Labelled.self, forKey: .metadata)
        let namespace = metadata.namespace
        service = labelled.labels?.serviceName.flatMap {
            $0.isEmpty ? nil : ServiceName(namespace: namespace, name: $0)
        }
        endpoints = (try container.decodeIfPresent([WireEndpoint].self, forKey: .endpoints) ?? []).map { endpoint in
            Endpoint(
                addresses: (endpoint.addresses ?? []).compactMap(IPAddress.init),
                pod: endpoint.targetRef.flatMap { target in
                    guard target.kind == "Pod", let name = target.name else { return nil }
                    return ObjectKey(uid: target.uid ?? "", namespace: target.namespace ?? namespace, name: name)
                },
                nodeName: endpoint.nodeName
            )
        }
        ports = (try container.decodeIfPresent([WirePort].self, forKey: .ports) ?? []).map {
            Port(name: $0.name ?? "", number: $0.port ?? 0, transport: $0.protocol ?? .tcp)
        }
    }

    private struct Labelled: Decodable {
        struct Labels: Decodable {
            var serviceName: String?
            private enum CodingKeys: String, CodingKey {
                case serviceName = "kubernetes.io/service-name"
            }
        }
        var labels: Labels?
    }

    private struct WireEndpoint: Decodable {
        struct Target: Decodable {
            var kind: String?
            var namespace: String?
            var name: String?
            var uid: String?
        }
        var addresses: [String]?
        var targetRef: Target?
        var nodeName: String?
    }

    private struct WirePort: Decodable {
        var name: String?
        var port: UInt16?
        var `protocol`: TransportProtocol?
    }
}
