/// A line of a watch.
enum WatchLine<Object: KubernetesObject>: Decodable {
    /// An object is new or has changed.
    case present(Candidate<Object>)
    /// An object is gone; this is how it ended.
    case gone(Candidate<Object>)
    /// All is known up to this version.
    case bookmark(resourceVersion: String)
    /// The watch ends with an error.
    case error(APIStatus)

    private enum CodingKeys: CodingKey {
        case type, object
    }

    /// Throws where it is no such line, or of a type that we don't know.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(String.self, forKey: .type)
        switch type {
        case "ADDED", "MODIFIED": self = .present(try container.decode(Candidate.self, forKey: .object))
        case "DELETED": self = .gone(try container.decode(Candidate.self, forKey: .object))
        case "BOOKMARK":
            let bookmark = try container.decode(Bookmark.self, forKey: .object)
            self = .bookmark(resourceVersion: bookmark.metadata.resourceVersion)
        case "ERROR": self = .error(try container.decode(APIStatus.self, forKey: .object))
        default:
            throw DecodingError.dataCorruptedError(forKey: .type, in: container, debugDescription: "type '\(type)'")
        }
    }
}

/// An object of which only the version counts.
private struct Bookmark: Decodable {
    struct Metadata: Decodable {
        var resourceVersion: String
    }
    var metadata: Metadata
}

/// What the server answers instead of what was asked for.
struct APIStatus: Decodable, Equatable {
    struct Details: Decodable, Equatable {
        var retryAfterSeconds: Int?
    }

    var code: Int?
    var reason: String?
    var message: String?
    var details: Details?
}
