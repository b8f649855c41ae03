/// A node, and how it is.
public struct Node: KubernetesObject {
    /// Something that is true of the node or not.
    public struct Condition: Sendable, Hashable, Decodable {
        /// Whether it is so.
        public enum Status: String, Sendable, Decodable {
            /// It is so.
            case yes = "True"
            /// It is not.
            case no = "False"
            /// Nobody can tell: kubelet is silent.
            case unknown = "Unknown"
        }

        /// "Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", or another controller's.
        public var type: String
        /// Whether it is so.
        public var status: Status
        /// Why, in one word; nil where nothing is said.
        public var reason: String?
    }

    /// Nodes, at `/api/v1/nodes`.
    public static var resource: Resource { .nodes }

    /// Name, UID, version.
    public var metadata: ObjectMetadata
    /// Its conditions.
    public var conditions: [Condition]

    /// Its name.
    public var name: String { metadata.name }

    private enum CodingKeys: CodingKey {
        case metadata, status
    }

    /// Takes what is needed.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        conditions = try container.decodeIfPresent(Status.self, forKey: .status)?.conditions ?? []
    }

    private struct Status: Decodable {
        var conditions: [Condition]?
    }
}
