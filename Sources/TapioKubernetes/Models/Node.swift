/// A node, and how it is.
public struct Node: KubernetesObject {
    /// Nodes, at `/api/v1/nodes`.
    public static var resource: Resource { .nodes }

    /// Name, UID, version.
    public var metadata: ObjectMetadata
    /// Its conditions.
    public var conditions: [Condition]

    /// When it was made, in nanoseconds since 1970 UTC; nil where that is not said.
    public var createdNs: Int64?
    /// Whether it is cordoned: it gets no more pods.
    public var isUnschedulable: Bool
    /// Version of its kubelet; empty where that is not said.
    public var kubeletVersion: String

    /// Its name.
    public var name: String { metadata.name }

    private enum CodingKeys: CodingKey {
        case metadata, spec, status
    }

    /// Takes what is needed.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        createdNs = try container.decode(ObjectTimes.self, forKey: .metadata).createdNs
        let status = try container.decodeIfPresent(Status.self, forKey: .status)
        conditions = status?.conditions ?? []
        kubeletVersion = status?.nodeInfo?.kubeletVersion ?? ""
        isUnschedulable = try container.decodeIfPresent(Spec.self, forKey: .spec)?.unschedulable ?? false
    }

    private struct Spec: Decodable {
        var unschedulable: Bool?
    }

    private struct Status: Decodable {
        struct Info: Decodable {
            var kubeletVersion: String?
        }
        var conditions: [Condition]?
        var nodeInfo: Info?
    }
}
