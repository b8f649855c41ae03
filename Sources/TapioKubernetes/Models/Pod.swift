/// A pod: whose containers, processes and addresses are.
public struct Pod: KubernetesObject {
    /// Where it is in its life.
    public enum Phase: String, Sendable, Hashable {
        /// Accepted, but not all containers run yet.
        case pending = "Pending"
        /// Bound to a node, and at least one container runs or restarts.
        case running = "Running"
        /// All containers have ended well, for good.
        case succeeded = "Succeeded"
        /// All containers have ended, not all of them well, for good.
        case failed = "Failed"
        /// Its node does not answer, or it is a phase that we don't know.
        case unknown = "Unknown"
    }

    /// Pods, at `/api/v1/pods`.
    public static var resource: Resource { .pods }

    /// Name, namespace, UID, version.
    public var metadata: ObjectMetadata
    /// The node that it is bound to; nil before.
    public var nodeName: String?
    /// Where it is in its life.
    public var phase: Phase
    /// Why it is there, in one word ("Evicted", …); empty where nothing is said.
    public var reason: String
    /// Why, for people; likewise.
    public var message: String
    /// Its conditions.
    public var conditions: [Condition]
    /// When it was made, in nanoseconds since 1970 UTC; nil where that is not said.
    public var createdNs: Int64?
    /// When kubelet took it on; likewise.
    public var startedNs: Int64?
    /// When it is to be gone; nil where nobody has deleted it.
    public var deletionNs: Int64?
    /// Its addresses, one for each family. With ``usesHostNetwork`` they are the node's.
    public var addresses: [IPAddress]
    /// Whether it has no network of its own.
    public var usesHostNetwork: Bool
    /// What it is an instance of.
    public var workload: Workload
    /// Its containers of all roles, the main ones first.
    public var containers: [ContainerStatus]

    /// Whether all its containers have ended for good: its addresses can be another's by now.
    public var isFinished: Bool { phase == .succeeded || phase == .failed }

    private enum CodingKeys: CodingKey {
        case metadata, spec, status
    }

    /// Takes what is needed, and tolerates what is missing but the metadata.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        let ownership = try container.decode(Ownership.self, forKey: .metadata)
        let spec = try container.decodeIfPresent(Spec.self, forKey: .spec)
        let status = try container.decodeIfPresent(Status.self, forKey: .status)

        nodeName = spec?.nodeName.flatMap { $0.isEmpty ? nil : $0 }
        usesHostNetwork = spec?.hostNetwork ?? false
        phase = status?.phase.flatMap(Phase.init(rawValue:)) ?? .unknown
        reason = status?.reason ?? ""
        message = status?.message ?? ""
        conditions = status?.conditions ?? []
        let times = try container.decode(ObjectTimes.self, forKey: .metadata)
        createdNs = times.createdNs
        startedNs = status?.startTime.flatMap(Timestamp.nanoseconds)
        deletionNs = times.deletionNs
        // podIP is the first of podIPs; old servers have it alone.
        let texts = status?.podIPs?.map(\.ip) ?? [status?.podIP]
        addresses = texts.compactMap { $0.flatMap(IPAddress.init) }
        let controller = ownership.ownerReferences?.first { $0.controller == true }
        workload = Workload(
            pod: metadata.name,
            controller: controller.map { Workload(kind: $0.kind, name: $0.name) },
            templateHash: ownership.labels?.templateHash
        )
        containers =
            (status?.containerStatuses ?? []).map { ContainerStatus($0, role: .main) }
            + (status?.initContainerStatuses ?? []).map { ContainerStatus($0, role: .initial) }
            + (status?.ephemeralContainerStatuses ?? []).map { ContainerStatus($0, role: .ephemeral) }
    }

    private struct Ownership: Decodable {
        struct Reference: Decodable {
            var kind: String
            var name: String
            var controller: Bool?
        }
        struct Labels: Decodable {
            var templateHash: String?
            private enum CodingKeys: String, CodingKey {
                case templateHash = "pod-template-hash"
            }
        }
        var ownerReferences: [Reference]?
        var labels: Labels?
    }

    private struct Spec: Decodable {
        var nodeName: String?
        var hostNetwork: Bool?
    }

    private struct Status: Decodable {
        struct Address: Decodable {
            var ip: String?
        }
        var phase: String?
        var reason: String?
        var message: String?
        var conditions: [Condition]?
        var startTime: String?
        var podIP: String?
        var podIPs: [Address]?
        var containerStatuses: [ContainerStatus.Wire]?
        var initContainerStatuses: [ContainerStatus.Wire]?
        var ephemeralContainerStatuses: [ContainerStatus.Wire]?
    }
}
