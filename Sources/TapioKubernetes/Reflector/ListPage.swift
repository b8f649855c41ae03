/// A page of a list. Objects that are none of ours are kept apart instead of failing the page.
struct ListPage<Object: KubernetesObject>: Decodable {
    struct Metadata: Decodable {
        var resourceVersion: String?
        var `continue`: String?
    }

    var metadata: Metadata
    /// Null where there are none.
    var items: [Candidate<Object>]?
}

/// An object from outside, as far as it could be read.
struct Candidate<Object: KubernetesObject>: Decodable {
    /// Nil where not even this could be read.
    var metadata: ObjectMetadata?
    /// Nil where it could not be read as a whole.
    var object: Object?

    private enum CodingKeys: CodingKey {
        case metadata
    }

    init(from decoder: any Decoder) throws {
        object = try? Object(from: decoder)
        metadata =
            object?.metadata
            ?? (try? decoder.container(keyedBy: CodingKeys.self))
            .flatMap { try? $0.decode(ObjectMetadata.self, forKey: .metadata) }
    }
}
