/// What every object of the API has.
public struct ObjectMetadata: Sendable, Hashable, Decodable {
    /// Unique among all objects of the cluster, ever. Not empty.
    public var uid: String
    /// Not empty.
    public var name: String
    /// Empty for what belongs to no namespace, such as nodes.
    public var namespace: String
    /// Changes with every change of the object; it means nothing else.
    public var resourceVersion: String

    private enum CodingKeys: CodingKey {
        case uid, name, namespace, resourceVersion
    }

    /// An object's metadata.
    public init(uid: String, name: String, namespace: String = "", resourceVersion: String = "") {
        self.uid = uid
        self.name = name
        self.namespace = namespace
        self.resourceVersion = resourceVersion
    }

    /// Throws where there is no UID or no name: nothing could refer to such an object.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        uid = try container.decode(String.self, forKey: .uid)
        name = try container.decode(String.self, forKey: .name)
        namespace = try container.decodeIfPresent(String.self, forKey: .namespace) ?? ""
        resourceVersion = try container.decodeIfPresent(String.self, forKey: .resourceVersion) ?? ""
        guard !uid.isEmpty && !name.isEmpty else {
            throw DecodingError.dataCorruptedError(
                forKey: uid.isEmpty ? .uid : .name,
                in: container,
                debugDescription: "empty"
            )
        }
    }
}

/// When an object was made, and is to be gone: parts of its metadata that few ask for.
struct ObjectTimes: Decodable {
    var creationTimestamp: String?
    var deletionTimestamp: String?

    /// In nanoseconds since 1970 UTC; nil where that is not said.
    var createdNs: Int64? { creationTimestamp.flatMap(Timestamp.nanoseconds) }
    /// Likewise; nil too where nobody has deleted it.
    var deletionNs: Int64? { deletionTimestamp.flatMap(Timestamp.nanoseconds) }
}

/// Which object, where no more than that is known.
public struct ObjectKey: Sendable, Hashable {
    /// See ``ObjectMetadata/uid``.
    public var uid: String
    /// Empty for what belongs to no namespace.
    public var namespace: String
    /// Its name there.
    public var name: String

    /// The key of an object.
    public init(_ metadata: ObjectMetadata) {
        self.init(uid: metadata.uid, namespace: metadata.namespace, name: metadata.name)
    }

    /// The key of an object with this UID and name.
    public init(uid: String, namespace: String, name: String) {
        self.uid = uid
        self.namespace = namespace
        self.name = name
    }
}

/// A kind of object that can be listed and watched, reduced to what is needed of it.
public protocol KubernetesObject: Sendable, Equatable, Decodable {
    /// Which of the API's resources it is.
    static var resource: Resource { get }
    /// What it has in common with all others.
    var metadata: ObjectMetadata { get }
}
