/// What a part of Kubernetes says happened to an object.
public struct KubernetesEvent: KubernetesObject {
    /// Events, at `/api/v1/events`.
    public static var resource: Resource { .events }

    /// Name, namespace, UID, version.
    public var metadata: ObjectMetadata
    /// What happened, in one word ("BackOff", "Killing", "FailedScheduling", …).
    public var reason: String
    /// "Normal" or "Warning".
    public var type: String
    /// For people; about 1 KiB at most, says the API.
    public var message: String
    /// The kind of the object that it happened to.
    public var objectKind: String
    /// That object; what the event does not say of it is empty.
    public var object: ObjectKey
    /// The part of that object, such as `spec.containers{web}`; empty where it is about all of it.
    public var fieldPath: String
    /// Who says so ("kubelet", "default-scheduler", …); empty where nobody is named.
    public var source: String
    /// The node on which that one runs; empty where it does not say.
    public var host: String
    /// How often it happened.
    public var count: Int
    /// When it first happened, in nanoseconds since 1970 UTC; nil where that is not said.
    public var firstSeenNs: Int64?
    /// When it last happened, likewise.
    public var lastSeenNs: Int64?

    private enum CodingKeys: CodingKey {
        case metadata, reason, type, message, involvedObject, source, reportingComponent, count, series
        case firstTimestamp, lastTimestamp, eventTime
    }

    /// Takes both old events (`count`, `lastTimestamp`) and new ones (`series`, `eventTime`).
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func text(_ key: CodingKeys) throws -> String {
            try container.decodeIfPresent(String.self, forKey: key) ?? ""
        }
        func time(_ key: CodingKeys) throws -> Int64? {
            try container.decodeIfPresent(String.self, forKey: key).flatMap(Timestamp.nanoseconds)
        }
        metadata = try container.decode(ObjectMetadata.self, forKey: .metadata)
        reason = try text(.reason)
        type = try text(.type)
        message = try text(.message)
        let involved = try container.decodeIfPresent(Involved.self, forKey: .involvedObject)
        objectKind = involved?.kind ?? ""
        object = ObjectKey(
            uid: involved?.uid ?? "",
            namespace: involved?.namespace ?? "",
            name: involved?.name ?? ""
        )
        fieldPath = involved?.fieldPath ?? ""
        let origin = try container.decodeIfPresent(Source.self, forKey: .source)
        host = origin?.host ?? ""
        let component = origin?.component ?? ""
        source = component.isEmpty ? try text(.reportingComponent) : component
        let series = try container.decodeIfPresent(Series.self, forKey: .series)
        count = try series?.count ?? container.decodeIfPresent(Int.self, forKey: .count) ?? 1
        let eventTime = try time(.eventTime)
        firstSeenNs = try time(.firstTimestamp) ?? eventTime
        lastSeenNs =
            try series?.lastObservedTime.flatMap(Timestamp.nanoseconds) ?? time(.lastTimestamp) ?? eventTime
            ?? firstSeenNs
    }

    private struct Involved: Decodable {
        var kind: String?
        var namespace: String?
        var name: String?
        var uid: String?
        var fieldPath: String?
    }

    private struct Source: Decodable {
        var component: String?
        var host: String?
    }

    private struct Series: Decodable {
        var count: Int?
        var lastObservedTime: String?
    }
}
