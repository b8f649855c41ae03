/// Something that is true of a node or a pod, or not.
public struct Condition: Sendable, Hashable {
    /// Whether it is so.
    public enum Status: String, Sendable {
        /// It is so.
        case yes = "True"
        /// It is not.
        case no = "False"
        /// Nobody can tell: kubelet is silent.
        case unknown = "Unknown"
    }

    /// Of a node "Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"; of a pod "PodScheduled",
    /// "Initialized", "ContainersReady", "Ready"; or another controller's.
    public var type: String
    /// Whether it is so.
    public var status: Status
    /// Why, in one word; nil where nothing is said.
    public var reason: String?
    /// Why, for people; likewise.
    public var message: String?
}

extension Condition: Decodable {
    private enum CodingKeys: CodingKey {
        case type, status, reason, message
    }

    /// A status that we don't know is unknown.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try container.decode(String.self, forKey: .type)
        status = try container.decodeIfPresent(String.self, forKey: .status).flatMap(Status.init) ?? .unknown
        reason = try container.decodeIfPresent(String.self, forKey: .reason)
        message = try container.decodeIfPresent(String.self, forKey: .message)
    }
}
